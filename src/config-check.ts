import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import leven from 'leven';
import { LineCounter, parseDocument } from 'yaml';
import { invalid, type Settings } from './config-file.ts';
import { CONFIG_SCHEMA } from './config-schema.ts';

/** What a tp.yaml says. Throws TpError as `readConfigFile` does. */
export function settingsOf(text: string): Settings {
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
