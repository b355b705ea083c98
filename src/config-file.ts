import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { Command } from 'commander';
import leven from 'leven';
import { LineCounter, parseDocument } from 'yaml';
import { CONFIG_SCHEMA, DOCKER_FLAGS_KEY, keyOf } from './config-schema.ts';
import { TpError } from './errors.ts';

/** The file beside the code that holds what a team would type every time. */
export const CONFIG_FILE = 'tp.yaml';

type Settings = Record<string, unknown>;

/**
 * Reads tp.yaml of a directory; no settings where there is none. Throws TpError with the line for what is not YAML,
 * for a key that no flag has, with the nearest that one has, and for a value of another type.
 */
export function readConfigFile(directory: string): Settings {
  const text = readIfThere(join(directory, CONFIG_FILE));
  if (text === undefined) return {};
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem) throw invalid(`line ${lines.linePos(problem.pos[0]).line}: ${problem.message}`);
  const settings = document.toJS() as Settings | null;
  if (settings === null) return {};
  const validate = new Ajv2020({ allErrors: false, allowUnionTypes: true }).compile(CONFIG_SCHEMA);
  if (validate(settings)) return settings;
  const [error] = validate.errors ?? [];
  if (!error) throw invalid('it is not what the schema says');
  const path = pathOf(error);
  const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined;
  const at = node?.range ? `line ${lines.linePos(node.range[0]).line}: ` : '';
  throw invalid(`${at}${describe(error, path)}`, nearestKey(error));
}

/** Gives the parsed command line what the file says and the line does not. Returns Docker's flags of the file. */
export function applySettings(parser: Command, settings: Settings): string[] {
  const given = new Set(
    parser.options
      .filter((option) => parser.getOptionValueSource(option.attributeName()) === 'cli')
      .map(keyOf),
  );
  for (const option of parser.options) {
    const value = settings[keyOf(option)];
    if (value === undefined || given.has(keyOf(option))) continue;
    parser.setOptionValueWithSource(option.attributeName(), value, 'config');
  }
  return (settings[DOCKER_FLAGS_KEY] as string[] | undefined) ?? [];
}

const pathOf = ({ instancePath, params, keyword }: ErrorObject): string[] => {
  const path = instancePath.split('/').slice(1);
  return keyword === 'additionalProperties' ? [...path, String(params.additionalProperty)] : path;
};

const describe = ({ keyword, message }: ErrorObject, path: string[]): string =>
  keyword === 'additionalProperties' ? `there is no key "${path.at(-1)}"` : `${path.join('.')} ${message}`;

function nearestKey({ keyword, params }: ErrorObject): string | undefined {
  if (keyword !== 'additionalProperties') return undefined;
  const wrong = String(params.additionalProperty);
  const [nearest] = Object.keys(CONFIG_SCHEMA.properties).sort((a, b) => leven(a, wrong) - leven(b, wrong));
  return nearest && `${nearest}: …`;
}

const invalid = (message: string, hint = 'its keys are in docs/configuration.md') =>
  new TpError('TP_CONFIG_FILE', `${CONFIG_FILE}: ${message}`, { hint });

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw invalid((error as Error).message, `ls -l ${path}`);
  }
}
