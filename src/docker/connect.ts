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
  const docker = clientFor(new DockerAgent(endpoint, env), host);
  const version = promisify(execFile)('docker', ['--version'], { env });
  version.catch(() => {}); // awaited below: where there is no daemon either, that is told
  try {
    await docker.ping();
  } catch (cause) {
    throw cause instanceof TpError ? cause : noAnswer(host, cause);
  }
  try {
    await version;
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
function clientFor(agent: DockerAgent, host: string): Dockerode {
  const { DOCKER_HOST: variable } = process.env;
  delete process.env.DOCKER_HOST;
  try {
    // The agent is an option of docker-modem that its types leave out.
    const docker = new Dockerode(
      Object.assign({ socketPath: '/the-agent-connects', protocol: 'http' as const }, { agent }),
    );
    nameNoAnswer(docker.modem as Modem, host);
    return docker;
  } finally {
    if (variable !== undefined) process.env.DOCKER_HOST = variable;
  }
}

/** Of docker-modem, through which all requests go. */
interface Modem {
  dial(options: unknown, callback: (error: unknown, data: unknown) => void): void;
}

/** A daemon that goes away later is told as one that never came. */
function nameNoAnswer(modem: Modem, host: string): void {
  const dial = modem.dial.bind(modem);
  modem.dial = (options, callback) =>
    dial(options, (error, data) => callback(isNoAnswer(error) ? noAnswer(host, error) : error, data));
}

/** Whether a request failed on its way to the daemon, and not by what that said. */
function isNoAnswer(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return code === 'ECONNRESET' || code === 'EPIPE' || syscall === 'connect' || syscall === 'getaddrinfo';
}

function noAnswer(host: string, cause: unknown): TpError {
  const { code } = cause as NodeJS.ErrnoException;
  const why = code === 'EACCES' ? 'this user may not use it' : reasonOf(cause);
  const hint = code === 'EACCES' ? 'sudo usermod -aG docker "$USER" && newgrp docker' : 'docker info';
  return new TpError('TP_NO_DOCKER', `Docker does not answer at ${host}: ${why}`, { cause, hint });
}

/** Why Docker does not answer, in one line. */
function reasonOf(error: unknown): string {
  const { code, reason, message } = error as NodeJS.ErrnoException & { reason?: string };
  // OpenSSL's own words are among numbers and names of its source files.
  const words = (code?.startsWith('ERR_SSL_') && reason) || message;
  return words.trim().replace(/\s+/g, ' ');
}
