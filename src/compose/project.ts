import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { parse } from 'yaml';
import { TpError } from '../errors.ts';
import { compose } from './client.ts';

/** A service as `docker compose config` resolves it, as far as it matters here. */
export interface ComposeService {
  image?: string;
  /** Its own variables, those of its files among them; null where the shell was to give one and did not. */
  environment?: Record<string, string | null>;
  scale?: number;
  deploy?: { replicas?: number };
  network_mode?: string;
  /** `SERVICE` or `SERVICE:NAME`. */
  links?: string[];
  'x-tp'?: { workload?: unknown; container?: unknown; prefer?: unknown };
}

/** A Compose project: what `docker compose` would run in this directory. */
export interface ComposeProject {
  name: string;
  /** The directory of its first file. */
  directory: string;
  /** The files that it is made of, an override of Compose's own naming included. */
  files: string[];
  /** Whether COMPOSE_FILE names them, so that Compose takes no others. */
  named: boolean;
  services: Record<string, ComposeService>;
}

/** Where Compose looks, in its order (compose-go: cli.DefaultFileNames, DefaultOverrideFileNames). */
const FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
export const OVERRIDES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/** Reads the project of a directory, without the files that `isOurs` tells. Throws TpError where there is none. */
export async function readProject(
  from: string,
  env: NodeJS.ProcessEnv,
  isOurs: (path: string) => boolean,
): Promise<ComposeProject> {
  const named = namedFiles(from, env);
  const files = (named ?? foundFiles(from)).filter((path) => !isOurs(path));
  const [first] = files;
  if (first === undefined) {
    throw new TpError('TP_NO_PROJECT', 'there is no Compose file here', {
      hint: 'cd to the directory of compose.yaml\nor: export COMPOSE_FILE=FILE',
    });
  }
  // As YAML, for JSON leaves `x-tp` out (docker/compose#11528).
  const text = await compose([...fileFlags(files), 'config']);
  const { name, services = {} } = parse(text) as Pick<ComposeProject, 'name' | 'services'>;
  return { name, directory: dirname(first), files, named: named !== undefined, services };
}

export const fileFlags = (files: readonly string[]): string[] => files.flatMap((path) => ['-f', path]);

/** The files that COMPOSE_FILE names, in the environment or in `.env`. */
function namedFiles(from: string, env: NodeJS.ProcessEnv): string[] | undefined {
  const path = join(from, '.env');
  const settings = { ...(existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {}), ...env };
  const { COMPOSE_FILE: named, COMPOSE_PATH_SEPARATOR: separator } = settings;
  return named ? named.split(separator || delimiter).map((each) => resolve(from, each)) : undefined;
}

function foundFiles(from: string): string[] {
  for (let directory = from; ; directory = dirname(directory)) {
    const base = FILES.map((name) => join(directory, name)).find(existsSync);
    const override = OVERRIDES.map((name) => join(directory, name)).find(existsSync);
    if (base) return override ? [base, override] : [base];
    if (dirname(directory) === directory) return [];
  }
}
