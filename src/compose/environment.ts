import type { EnvironmentFormat } from '../held-files.ts';

/**
 * The pod's variables as an `env_file` of Compose, without those that the service sets itself: files that are added come
 * after the service's own and would win. Every value but invalid UTF-8 arrives as it is (compose-go: dotenv).
 */
export const beneath =
  (own: Readonly<Record<string, unknown>>): EnvironmentFormat =>
  (environment) => ({
    text: Object.entries(environment)
      .filter(([name]) => !(name in own))
      .map(([name, value]) => `${name}="${quoted(value)}"\n`)
      .join(''),
    leftOut: [],
  });

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  $: '$$',
  '\n': '\\n',
  '\r': '\\r',
};

const quoted = (value: string): string => value.replace(/[\\"$\n\r]/g, (sign) => ESCAPES[sign] ?? sign);
