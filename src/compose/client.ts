import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { TpError } from '../errors.ts';

const run = promisify(execFile);

/** What a project's configuration may be, as YAML (bytes). */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/**
 * The oldest whose merge was tried with every scenario of the end-to-end tests. What is generated needs no more than the
 * long form of `env_file` and `!reset` (2.24.0, Compose release notes).
 */
const OLDEST = [2, 28, 1] as const;

/** Runs `docker compose`; gives its stdout. Throws TpError with its own words. */
export async function compose(args: readonly string[]): Promise<string> {
  try {
    return (await run('docker', ['compose', ...args], { maxBuffer: MAX_OUTPUT_BYTES })).stdout;
  } catch (cause) {
    const said = ((cause as { stderr?: string }).stderr ?? (cause as Error).message).trim();
    const verb = args[args.includes('-f') ? args.lastIndexOf('-f') + 2 : 0];
    throw new TpError('TP_COMPOSE', `docker compose ${verb}: ${said}`, {
      cause,
      hint: 'docker compose config',
    });
  }
}

/** Throws TpError where Docker's client has no Compose, or one that is too old. */
export async function checkCompose(): Promise<void> {
  const oldest = OLDEST.join('.');
  const hint = `install Compose ${oldest} or newer: https://docs.docker.com/compose/install/`;
  let version: string;
  try {
    version = (await run('docker', ['compose', 'version', '--short'])).stdout.trim();
  } catch (cause) {
    throw new TpError('TP_NO_COMPOSE', "Docker's client has no Compose v2", { cause, hint });
  }
  const parts = version.replace(/^v/, '').split(/[.+-]/).slice(0, OLDEST.length).map(Number);
  const at = OLDEST.findIndex((part, index) => parts[index] !== part);
  if (at < 0 || (parts[at] ?? 0) > (OLDEST[at] ?? 0)) return;
  throw new TpError('TP_NO_COMPOSE', `Compose ${version} is older than ${oldest}`, { hint });
}
