import { Agent, type AgentOptions } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { TpError } from '../errors.ts';
import { DialStdio } from './dial-stdio.ts';
import type { DockerEndpoint } from './endpoint.ts';

/** Docker's usual ports, without and with TLS. */
const PLAIN_PORT = 2375;
const TLS_PORT = 2376;

/** How connections to a daemon are opened. Throws TpError for an address that is none. */
function dialer({ host, tls }: DockerEndpoint, env: NodeJS.ProcessEnv): () => Duplex {
  const url = URL.parse(host);
  if (url?.protocol === 'unix:') return () => connect({ path: url.pathname });
  if (url?.protocol === 'ssh:') return () => new DialStdio(env);
  if (url?.protocol !== 'tcp:' && url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new TpError('TP_DOCKER_ENDPOINT', `Docker at ${host}: not an address of unix, tcp or ssh`, {
      hint: 'export DOCKER_HOST=unix:///var/run/docker.sock\nor: docker context use NAME',
    });
  }
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (tls ? TLS_PORT : PLAIN_PORT);
  if (!tls) return () => tuned(connect({ host: name, port }));
  const { verify, ...files } = tls;
  const servername = isIP(name) ? undefined : name;
  return () => tuned(connectTls({ ...files, host: name, port, servername, rejectUnauthorized: verify }));
}

/** Small messages go at once, and a machine that went away is noticed: as the usual agent does. */
const tuned = (socket: Socket): Socket => socket.setNoDelay(true).setKeepAlive(true);

/** Opens the connections of Docker's API, whichever way leads to the daemon. */
export class DockerAgent extends Agent {
  readonly #dial: () => Duplex;

  /** Throws TpError for an address that is none. */
  constructor(endpoint: DockerEndpoint, env: NodeJS.ProcessEnv) {
    // Without a name for TLS, Node would find out for each request whether the host is an address, which takes 10 ms at first.
    const options: AgentOptions & { servername: string } = { keepAlive: true, servername: '' };
    super(options);
    this.#dial = dialer(endpoint, env);
  }

  override createConnection(): Duplex {
    return this.#dial();
  }
}
