import { TpError } from './errors.ts';

/** How variables are written. */
export const ENVIRONMENT_FORMATS = ['dotenv', 'json', 'shell', 'docker'] as const;
export type EnvironmentTextFormat = (typeof ENVIRONMENT_FORMATS)[number];

/**
 * The variables as text. `dotenv`: quoted as the dotenv libraries read it; `json`: an object; `shell`: `export` lines for a POSIX
 * shell; `docker`: as `docker run --env-file` reads it. Throws TpError where a value cannot be written so.
 */
export function environmentText(
  environment: Readonly<Record<string, string>>,
  format: EnvironmentTextFormat,
): string {
  if (format === 'json') return `${JSON.stringify(environment, null, 2)}\n`;
  const entries = Object.entries(environment);
  if (format === 'shell') {
    refuse(entries, ([name]) => !/^[A-Za-z_]\w*$/.test(name), 'a shell has no such variables', 'json');
    return lines(entries, (name, value) => `export ${name}='${value.replaceAll("'", "'\\''")}'`);
  }
  if (format === 'docker') {
    refuse(
      entries,
      ([, value]) => /[\r\n]/.test(value),
      'a file of Docker’s has one line for each',
      'dotenv',
    );
    return lines(entries, (name, value) => `${name}=${value}`);
  }
  refuse(entries, ([, value]) => quoteFor(value) === undefined, 'all three quotes are in the value', 'json');
  return lines(entries, (name, value) => `${name}=${quoteFor(value)}${value}${quoteFor(value)}`);
}

const lines = (entries: [string, string][], line: (name: string, value: string) => string): string =>
  entries.map(([name, value]) => `${line(name, value)}\n`).join('');

/**
 * A quote between which dotenv takes the value as it is. Nothing is escaped there, so it must not be in the value; between
 * double quotes `\\n` would become a newline.
 */
const quoteFor = (value: string): string | undefined =>
  ["'", '`', '"'].find((quote) => !value.includes(quote) && (quote !== '"' || !value.includes('\\')));

function refuse(
  entries: [string, string][],
  cannot: (entry: [string, string]) => boolean,
  why: string,
  instead: EnvironmentTextFormat,
): void {
  const names = entries.filter(cannot).map(([name]) => name);
  if (names.length === 0) return;
  throw new TpError('TP_ENV_FORMAT', `${names.join(', ')}: ${why}`, { hint: `--format ${instead}` });
}
