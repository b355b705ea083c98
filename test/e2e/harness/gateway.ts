import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type RequestOptions, request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where the gateway keeps the cluster. */
const PREFIX = '/k8s/clusters/c1';

/** The only name that is in the gateway's certificate. */
const NAME = 'gateway.test';

/** What leads to a cluster: its server, and the authority that it is known by (base64). */
export interface Upstream {
  server: string;
  authority: string;
}

/**
 * A gateway in front of an API server, as Rancher and many companies have one: the cluster is below a path, and TLS ends
 * here, so that client certificates do not come through. It has an authority of its own, and passes no other upgrade on than
 * that to a WebSocket.
 */
export class Gateway {
  readonly #server;
  /** Requests that came, as method and path, those that upgrade included. */
  readonly seen: string[] = [];
  readonly authorityFile: string;

  private constructor(folder: string, { server, authority }: Upstream) {
    const read = (name: string) => readFileSync(join(folder, name));
    this.authorityFile = join(folder, 'ca.crt');
    const ca = Buffer.from(authority, 'base64');
    const onwards = (incoming: IncomingMessage) => {
      this.seen.push(`${incoming.method} ${incoming.url}`);
      const { url = '', method = 'GET', headers } = incoming;
      if (!url.startsWith(`${PREFIX}/`)) return undefined;
      const { connection: _, upgrade, ...plain } = headers;
      const passed = upgrade === undefined || upgrade === 'websocket' ? headers : plain;
      const options: RequestOptions = { method, headers: passed, ca };
      return request(`${server}${url.slice(PREFIX.length)}`, options);
    };
    this.#server = createServer({ key: read('server.key'), cert: read('server.crt') });
    this.#server.on('request', (incoming, outgoing) => {
      const further = onwards(incoming);
      if (!further) return void outgoing.writeHead(404).end('nothing here');
      further.on('response', (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      further.on('error', () => outgoing.destroy());
      outgoing.on('close', () => further.destroy());
      incoming.pipe(further);
    });
    this.#server.on('upgrade', (incoming, near: Socket, head: Buffer) => {
      const further = onwards(incoming);
      near.on('error', () => further?.destroy());
      if (!further) return void near.end('HTTP/1.1 404 Not Found\r\n\r\n');
      further.on('upgrade', (answer, far: Socket, rest: Buffer) => {
        near.write(headOf(answer));
        near.write(rest);
        far.write(head);
        far.on('error', () => near.destroy());
        far.pipe(near).pipe(far);
      });
      further.on('response', (answer) => {
        near.write(headOf(answer));
        answer.pipe(near);
      });
      further.on('error', () => near.destroy());
      further.end();
    });
  }

  /** Starts one on loopback; its keys and certificates are made in `folder`. */
  static async start(folder: string, upstream: Upstream): Promise<Gateway> {
    await makeCertificates(folder);
    const gateway = new Gateway(folder, upstream);
    gateway.#server.listen(0, '127.0.0.1');
    await once(gateway.#server, 'listening');
    return gateway;
  }

  /** The cluster's entry in a kubeconfig. */
  get cluster(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    return {
      server: `https://127.0.0.1:${port}${PREFIX}`,
      'certificate-authority': this.authorityFile,
      'tls-server-name': NAME,
    };
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** An authority, and a certificate of it for the gateway's name: as for the embedded cluster. */
async function makeCertificates(folder: string): Promise<void> {
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  const ca = ['-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=gateway-ca', '-days', '2'];
  await openssl('req', '-x509', ...key, ...ca);
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', `/CN=${NAME}`);
  const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
  writeFileSync(join(folder, 'names'), `subjectAltName=DNS:${NAME}\n`);
  const names = ['-extfile', 'names', '-out', 'server.crt'];
  await openssl('x509', '-req', '-in', 'server.csr', ...signer, ...names);
}
