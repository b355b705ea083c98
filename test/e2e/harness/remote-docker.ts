import { execFile } from 'node:child_process';
import { parseEnv, promisify } from 'node:util';
import { show } from './cluster.ts';

const run = promisify(execFile);
const SCRIPT = `${import.meta.dirname}/../../cluster/remote-docker`;

/** A second dockerd that shares neither files nor network with the user: Docker Desktop's, or another machine's. */
export interface RemoteDocker extends AsyncDisposable {
  /** What a client by TLS needs in its environment. */
  readonly tls: Record<'DOCKER_HOST' | 'DOCKER_TLS_VERIFY' | 'DOCKER_CERT_PATH', string>;
  /** What a client by ssh needs there: the PATH leads to an `ssh` that knows the keys. */
  readonly ssh: Record<'DOCKER_HOST' | 'PATH', string>;
  /** The same as `tls`, as `docker context create NAME --docker` wants it. */
  readonly endpoint: string;
  /** Where published ports are, from the host. */
  readonly address: string;
  /** Copies images from the host's Docker. */
  load(...images: string[]): Promise<void>;
  /** Makes its node:24-slim one for arm64, whose programs it can run from then on. */
  emulateArm64(): Promise<void>;
}

/**
 * Brings it up, empty or as it runs already; a new one with a disk of `diskMib` where that is given. Disposing of it
 * removes it with all it has. Embedded cluster only.
 */
export async function remoteDocker(diskMib?: number): Promise<RemoteDocker> {
  await show(SCRIPT, 'up', ...(diskMib === undefined ? [] : [String(diskMib)]));
  const { stdout } = await run(SCRIPT, ['env']);
  const said = parseEnv(stdout);
  const value = (name: string): string => {
    const text = said[name];
    if (text === undefined) throw new Error(`${SCRIPT} env says no ${name}:\n${stdout}`);
    return text;
  };
  const tls = {
    DOCKER_HOST: value('DOCKER_HOST'),
    DOCKER_TLS_VERIFY: value('DOCKER_TLS_VERIFY'),
    DOCKER_CERT_PATH: value('DOCKER_CERT_PATH'),
  };
  const certificates = ['ca', 'cert', 'key'].map((name) => `${name}=${tls.DOCKER_CERT_PATH}/${name}.pem`);
  return {
    tls,
    ssh: { DOCKER_HOST: value('SSH_URL'), PATH: `${value('SSH_DIRECTORY')}:${process.env.PATH}` },
    endpoint: [`host=${tls.DOCKER_HOST}`, ...certificates].join(','),
    address: new URL(tls.DOCKER_HOST).hostname,
    load: (...images) => show(SCRIPT, 'load', ...images),
    emulateArm64: () => show(SCRIPT, 'arm64'),
    [Symbol.asyncDispose]: () => show(SCRIPT, 'down'),
  };
}
