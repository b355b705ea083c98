import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runtimeDirectory } from './runtime-directory.ts';

/**
 * What a held session keeps on the host, for those who join it and for whoever wants to know what it does. In the user's
 * runtime directory, which does not outlive a reboot; mode 0600, and gone with the session.
 */
export interface HeldFiles {
  directory: string;
  /** The pod's environment, for `--env-file` and for Compose. */
  environment: string;
  /** What the session said. It stays where the session was lost, until the next of its name. */
  log: string;
}

export function heldFiles(name: string): HeldFiles {
  const directory = join(runtimeDirectory(), name);
  return { directory, environment: join(directory, 'environment'), log: `${directory}.log` };
}

/** Makes the directory anew, its user's alone. Throws where another user's is in the way. */
export function makeHeldDirectory(name: string): void {
  removeHeldDirectory(name);
  mkdirSync(heldFiles(name).directory, { mode: 0o700 }); // not recursive: one that is there still is not ours
}

export function removeHeldDirectory(name: string): void {
  rmSync(heldFiles(name).directory, { recursive: true, force: true });
}

/** The directory, and what the session said. */
export function removeHeldFiles(name: string): void {
  removeHeldDirectory(name);
  rmSync(heldFiles(name).log, { force: true });
}

/** A file with the pod's variables, in somebody's format. */
export interface EnvironmentFile {
  text: string;
  /** Variables that the format cannot hold. */
  leftOut: string[];
}

/** Writes a pod's variables in a format of files. */
export type EnvironmentFormat = (environment: Readonly<Record<string, string>>) => EnvironmentFile;

/** As `docker run --env-file` reads it: a line each, taken as it is. */
export const dockerFormat: EnvironmentFormat = (environment) => {
  const entries = Object.entries(environment);
  const single = entries.filter(([, value]) => !value.includes('\n'));
  return {
    text: single.map(([name, value]) => `${name}=${value}\n`).join(''),
    leftOut: entries.filter(([, value]) => value.includes('\n')).map(([name]) => name),
  };
};

export function writeEnvironment(name: string, { text }: EnvironmentFile): void {
  writeFileSync(heldFiles(name).environment, text, { mode: 0o600 });
}
