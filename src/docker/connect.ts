import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { promisify } from 'node:util';
import Dockerode from 'dockerode';
import { TpError } from '../errors.ts';

/** Where the Docker daemon is, found as Docker's own client finds it: DOCKER_HOST, then the current context. */
async function endpoint(env: NodeJS.ProcessEnv): Promise<string> {
  if (env.DOCKER_HOST) return env.DOCKER_HOST;
  const directory = env.DOCKER_CONFIG ?? `${homedir()}/.docker`;
  const config = await readJson<{ currentContext?: string }>(`${directory}/config.json`);
  const context = env.DOCKER_CONTEXT ?? config?.currentContext ?? 'default';
  if (context === 'default') return 'unix:///var/run/docker.sock';
  const id = createHash('sha256').update(context).digest('hex');
  const meta = await readJson<{ Endpoints?: { docker?: { Host?: string } } }>(
    `${directory}/contexts/meta/${id}/meta.json`,
  );
  const host = meta?.Endpoints?.docker?.Host;
  if (!host)
    throw new TpError('TP_DOCKER_CONTEXT', `Docker's context "${context}" names no endpoint`, {
      hint: 'docker context ls',
    });
  return host;
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TpError('TP_DOCKER_CONFIG', `${path}: ${(error as Error).message}`);
  }
}

/** The client of Docker's API, for those who only hand it on. */
export type Docker = Dockerode;

export interface DockerConnection {
  docker: Dockerode;
  /** The API's address, as given to Docker's client too. */
  host: string;
}

/** Connects to Docker and asks for a sign of life. Throws TpError where there is none, or no client. */
export async function connectDocker(env: NodeJS.ProcessEnv = process.env): Promise<DockerConnection> {
  const host = await endpoint(env);
  const url = new URL(host);
  if (url.protocol !== 'unix:' && url.protocol !== 'tcp:' && url.protocol !== 'http:') {
    throw new TpError('TP_DOCKER_ENDPOINT', `Docker at ${host}: only unix and tcp are supported so far`);
  }
  const docker =
    url.protocol === 'unix:'
      ? new Dockerode({ socketPath: url.pathname })
      : new Dockerode({ host: url.hostname, port: Number(url.port || 2375), protocol: 'http' });
  try {
    await docker.ping();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'EACCES' ? 'this user may not use it' : (cause as Error).message;
    const hint = code === 'EACCES' ? 'sudo usermod -aG docker "$USER" && newgrp docker' : 'docker info';
    throw new TpError('TP_NO_DOCKER', `Docker does not answer at ${host}: ${why}`, { cause, hint });
  }
  try {
    await promisify(execFile)('docker', ['--version'], { env });
  } catch (cause) {
    const hint = "install Docker's command line: on Debian, apt-get install docker.io";
    throw new TpError('TP_NO_DOCKER_CLI', `Docker's client cannot be run: ${(cause as Error).message}`, {
      cause,
      hint,
    });
  }
  return { docker, host };
}
