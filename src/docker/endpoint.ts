import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { TpError } from '../errors.ts';

/** Where the Docker daemon is, and how to speak to it. */
export interface DockerEndpoint {
  /** As Docker's client writes it: unix://PATH, tcp://HOST:PORT, ssh://USER@HOST. */
  host: string;
  /** PEM files' contents, for a daemon that is reached by TLS. */
  tls?: TlsFiles | undefined;
}

export interface TlsFiles {
  ca?: Buffer | undefined;
  cert?: Buffer | undefined;
  key?: Buffer | undefined;
  /** Whether the daemon's certificate counts. */
  verify: boolean;
}

const DEFAULT_HOST = 'unix:///var/run/docker.sock';

/** What Docker's client keeps of a context (cli/context/store). */
interface ContextMeta {
  Endpoints?: { docker?: { Host?: string; SkipTLSVerify?: boolean } };
}

/**
 * Finds the daemon as Docker's own client does: DOCKER_HOST with its TLS variables, else DOCKER_CONTEXT, else the
 * current context of its configuration. Throws TpError for a context that is not there.
 */
export async function findEndpoint(env: NodeJS.ProcessEnv): Promise<DockerEndpoint> {
  const directory = env.DOCKER_CONFIG || join(homedir(), '.docker');
  if (env.DOCKER_HOST) {
    const { DOCKER_HOST: host, DOCKER_TLS_VERIFY: verify, DOCKER_TLS: plain } = env;
    if (!verify && !plain) return { host, tls: undefined };
    const place = env.DOCKER_CERT_PATH || directory;
    const tls = await tlsFiles(place, Boolean(verify));
    if (tls.ca) return { host, tls };
    const ca = join(place, 'ca.pem');
    throw new TpError('TP_DOCKER_CONFIG', `DOCKER_HOST by TLS: there is no ${ca}`, { hint: `ls -l ${ca}` });
  }
  const config = await readJson<{ currentContext?: string }>(join(directory, 'config.json'));
  const context = env.DOCKER_CONTEXT || config?.currentContext || 'default';
  if (context === 'default') return { host: DEFAULT_HOST };
  const id = createHash('sha256').update(context).digest('hex');
  const meta = await readJson<ContextMeta>(join(directory, 'contexts', 'meta', id, 'meta.json'));
  const { Host: host, SkipTLSVerify: skip = false } = meta?.Endpoints?.docker ?? {};
  if (!host) {
    throw new TpError('TP_DOCKER_CONTEXT', `Docker's context "${context}" names no endpoint`, {
      hint: 'docker context ls',
    });
  }
  const files = await tlsFiles(join(directory, 'contexts', 'tls', id, 'docker'), !skip);
  return { host, tls: files.ca || files.cert || skip ? files : undefined };
}

async function tlsFiles(directory: string, verify: boolean): Promise<TlsFiles> {
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readIfThere(join(directory, name))),
  );
  return { ca, cert, key, verify };
}

async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readIfThere(path);
  try {
    return text && (JSON.parse(text.toString('utf8')) as T);
  } catch (error) {
    throw new TpError('TP_DOCKER_CONFIG', `${path}: ${(error as Error).message}`, { hint: `cat ${path}` });
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TpError('TP_DOCKER_CONFIG', `${path}: ${(error as Error).message}`, { hint: `ls -l ${path}` });
  }
}
