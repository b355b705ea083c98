import { execFile } from 'node:child_process';
import type { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { promisify } from 'node:util';
import Dockerode from 'dockerode';
import { TpError } from '../errors.ts';
import { DialStdioAgent } from './dial-stdio.ts';
import { type DockerEndpoint, findEndpoint } from './endpoint.ts';

/** The client of Docker's API, for those who only hand it on. */
export type Docker = Dockerode;

export interface DockerConnection {
  docker: Dockerode;
  /** The API's address, as given to Docker's client too. */
  host: string;
}

/** Connects to Docker and asks for a sign of life. Throws TpError where there is none, or no client. */
export async function connectDocker(env: NodeJS.ProcessEnv = process.env): Promise<DockerConnection> {
  const endpoint = await findEndpoint(env);
  const { host } = endpoint;
  const docker = clientFor(endpoint, env);
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

/** Docker's usual ports, without and with TLS. */
const PLAIN_PORT = 2375;
const TLS_PORT = 2376;

function clientFor({ host, tls }: DockerEndpoint, env: NodeJS.ProcessEnv): Dockerode {
  const url = URL.parse(host);
  if (url?.protocol === 'unix:') return new Dockerode({ socketPath: url.pathname });
  if (url?.protocol === 'ssh:') {
    return new Dockerode(
      through(new DialStdioAgent(env), { protocol: 'http', host: 'docker', port: PLAIN_PORT }),
    );
  }
  if (url?.protocol !== 'tcp:' && url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new TpError('TP_DOCKER_ENDPOINT', `Docker at ${host}: not an address of unix, tcp or ssh`, {
      hint: 'export DOCKER_HOST=unix:///var/run/docker.sock\nor: docker context use NAME',
    });
  }
  const at = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) };
  if (!tls) return new Dockerode({ ...at, port: at.port || PLAIN_PORT, protocol: 'http' });
  const { ca, cert, key, verify } = tls;
  const agent = new HttpsAgent({ ca, cert, key, rejectUnauthorized: verify, keepAlive: true });
  return new Dockerode(through(agent, { ...at, port: at.port || TLS_PORT, protocol: 'https' }));
}

/** The agent is an option of docker-modem that its types leave out. */
const through = (agent: HttpAgent, options: Dockerode.DockerOptions): Dockerode.DockerOptions =>
  Object.assign(options, { agent });
