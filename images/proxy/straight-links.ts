import type { Server as HttpServer } from 'node:http';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { STRAIGHT_PROTOCOL, STRAIGHT_TLS, straightKey } from '../../src/tunnel/straight.ts';

/** Who has the key has used it after this long (ms). */
const HANDSHAKE_LIMIT_MS = 5_000;

/** Connections that have not shown the key yet: whoever reaches the pod's address cannot fill our memory by opening more. */
const MAX_UNKNOWN = 16;

const SWITCHING = [
  'HTTP/1.1 101 Switching Protocols',
  'Connection: Upgrade',
  `Upgrade: ${STRAIGHT_PROTOCOL}`,
  '\r\n',
].join('\r\n');

/** Links that come to the pod's own address, from the API server: they show that they have the key before anything is read of them. */
export class StraightLinks {
  readonly #handshakeLimitMs: number;
  #key: Buffer | undefined;
  #unknown = 0;

  constructor(handshakeLimitMs = HANDSHAKE_LIMIT_MS) {
    this.#handshakeLimitMs = handshakeLimitMs;
  }

  /** The session's token, shown on a link that came through the pod's loopback. Until then nobody is let in. */
  learn(token: Buffer): void {
    this.#key ??= straightKey(token);
  }

  /** Takes upgrades of `server`, and gives those that have the key to `links`. */
  serve(server: HttpServer, links: Server): void {
    const tls = createTlsServer({
      ...STRAIGHT_TLS,
      pskCallback: () => this.#key ?? null,
      handshakeTimeout: this.#handshakeLimitMs,
    });
    // One of the two is told for each.
    tls.on('secureConnection', (link: TLSSocket) => {
      this.#unknown--;
      links.emit('connection', link);
    });
    tls.on('tlsClientError', (_error, link) => {
      this.#unknown--;
      link.destroy();
    });
    server.on('upgrade', (request, socket: Socket, head) => {
      socket.on('error', () => {}); // a connection that is refused may be reset
      const wanted = request.headers.upgrade === STRAIGHT_PROTOCOL && head.length === 0;
      if (!wanted || !this.#key || this.#unknown >= MAX_UNKNOWN) return socket.destroy();
      this.#unknown++;
      socket.setNoDelay(true);
      socket.allowHalfOpen = false; // the HTTP server has it otherwise, and TLS takes it over
      socket.write(SWITCHING);
      tls.emit('connection', socket);
    });
  }
}
