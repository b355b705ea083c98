import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { withInput } from './cluster.ts';

const run = promisify(execFile);

/** Runs docker; gives its stdout. Throws with its stderr. */
export async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args, { maxBuffer: 64 * 1024 * 1024 })).stdout;
}

/** Runs a script with Node in a container; gives its stdout. Throws when it exits with another code than 0. */
export async function inContainer(name: string, script: string, ...args: string[]): Promise<string> {
  return await withInput('docker', ['exec', '-i', name, 'node', '--input-type=module', '-', ...args], script);
}

/** As inContainer, for a script that prints JSON. */
export const jsonFrom = async <T>(name: string, script: string, ...args: string[]): Promise<T> =>
  JSON.parse(await inContainer(name, script, ...args)) as T;
