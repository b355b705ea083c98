import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Dockerode from 'dockerode';
import { TpError } from '../errors.ts';
import { DockerAgent } from './dial.ts';
import { findEndpoint } from './endpoint.ts';

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
  const docker = clientFor(new DockerAgent(endpoint, env));
  try {
    await docker.ping();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'EACCES' ? 'this user may not use it' : reasonOf(cause);
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

/**
 * Of Docker's variables docker-modem reads more than is meant for it, such as a DOCKER_CERT_PATH that Docker's client does
 * not use: it is made without them. It is told of a socket that it never opens, since for the addresses that it takes it
 * calls what Node deprecates.
 */
function clientFor(agent: DockerAgent): Dockerode {
  const { DOCKER_HOST: host } = process.env;
  delete process.env.DOCKER_HOST;
  try {
    // The agent is an option of docker-modem that its types leave out.
    return new Dockerode(
      Object.assign({ socketPath: '/the-agent-connects', protocol: 'http' as const }, { agent }),
    );
  } finally {
    if (host !== undefined) process.env.DOCKER_HOST = host;
  }
}

/** Why Docker does not answer, in one line. */
function reasonOf(error: unknown): string {
  const { code, reason, message } = error as NodeJS.ErrnoException & { reason?: string };
  // OpenSSL's own words are among numbers and names of its source files.
  const words = (code?.startsWith('ERR_SSL_') && reason) || message;
  return words.trim().replace(/\s+/g, ' ');
}
