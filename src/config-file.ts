import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, Option } from 'commander';
import { DOCKER_FLAGS_KEY, keyOf } from './config-schema.ts';
import { TpError } from './errors.ts';

/** The file beside the code that holds what a team would type every time. */
export const CONFIG_FILE = 'tp.yaml';

export type Settings = Record<string, unknown>;

/**
 * Reads tp.yaml of a directory; no settings where there is none. Throws TpError with the line for what is not YAML,
 * for a key that no flag has, with the nearest that one has, and for a value of another type.
 */
export async function readConfigFile(directory: string): Promise<Settings> {
  const text = readIfThere(join(directory, CONFIG_FILE));
  // What checks it takes longer to load than a command to start: not for those who have no such file.
  return text === undefined ? {} : (await import('./config-check.ts')).settingsOf(text);
}

/**
 * Gives the parsed command line what the file says and the line does not. Returns Docker's flags of the file. Throws TpError
 * for a value that the flag would not take either.
 */
export function applySettings(parser: Command, settings: Settings): string[] {
  const given = new Set(
    parser.options
      .filter((option) => parser.getOptionValueSource(option.attributeName()) === 'cli')
      .map(keyOf),
  );
  for (const option of parser.options) {
    const value = settings[keyOf(option)];
    if (value === undefined || given.has(keyOf(option))) continue;
    parser.setOptionValueWithSource(option.attributeName(), parsed(option, value), 'config');
  }
  return (settings[DOCKER_FLAGS_KEY] as string[] | undefined) ?? [];
}

/** What the flag makes of a list, value by value. Of the others the schema knows all. */
function parsed(option: Option, value: unknown): unknown {
  if (!Array.isArray(value) || !option.parseArg) return value;
  let taken: string[] = [];
  for (const each of value as string[]) {
    try {
      taken = option.parseArg(each, taken);
    } catch (error) {
      throw invalid(`${keyOf(option)}: ${each}: ${(error as Error).message}`);
    }
  }
  return taken;
}

/** A file that cannot be used. */
export const invalid = (message: string, hint = 'its keys are in docs/configuration.md') =>
  new TpError('TP_CONFIG_FILE', `${CONFIG_FILE}: ${message}`, { hint });

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw invalid((error as Error).message, `ls -l ${path}`);
  }
}
