import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SCRIPT = `${import.meta.dirname}/../../cluster/cluster`;

/** The embedded cluster's image registry, as the host's Docker and the node both call it. It wants a login. */
export const REGISTRY = 'localhost:5001';

/** Logs Docker in at the registry, in a directory of its own, which goes when this is disposed of. */
export async function registryLogin(): Promise<AsyncDisposable & { env: { DOCKER_CONFIG: string } }> {
  const env = { DOCKER_CONFIG: await mkdtemp(join(tmpdir(), 'tp-e2e-login-')) };
  const remove = () => rm(env.DOCKER_CONFIG, { recursive: true, force: true });
  try {
    await run(SCRIPT, ['registry-login'], { env: { ...process.env, ...env } });
  } catch (error) {
    await remove();
    throw error;
  }
  return { env, [Symbol.asyncDispose]: remove };
}

/** The manifest of a Secret with which pods may pull from the registry. */
export async function pullSecret(name: string, namespace: string): Promise<string> {
  const { stdout } = await run(SCRIPT, ['registry-login'], { env: { ...process.env, DOCKER_CONFIG: '' } });
  const auth = Buffer.from(stdout.trim().replace(' ', ':')).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'kubernetes.io/dockerconfigjson',
    stringData: { '.dockerconfigjson': JSON.stringify({ auths: { [REGISTRY]: { auth } } }) },
  });
}
