import type { Socket } from 'node:net';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { QuietConnections } from '../quiet-connections.ts';

const CHECK_MS = 2;

/** How a client begins that speaks HTTP/2 (RFC 9113, 3.4). */
const HTTP2 = Buffer.from('PRI * HTTP/2.0');

/**
 * Before the user's process is ended on purpose: new connections wait at the proxy, and the open ones are brought to an
 * end while the process still answers.
 */
export class Pause {
  /** What had been written to the process when it was heard last: exact, for every reload meets connections that idle. */
  readonly #writtenBefore = new WeakMap<Socket, number>();
  readonly #open = new QuietConnections(
    (socket) => !this.#multiplexed.has(socket) && this.#writtenBefore.get(socket) === socket.bytesWritten,
  );
  /** HTTP/2: what came last says nothing of the other requests on it. */
  readonly #multiplexed = new WeakSet<Socket>();
  readonly #joined = new WeakMap<Socket, { stream: TunnelStream; release: () => void }>();
  #paused = false;

  get paused(): boolean {
    return this.#paused;
  }

  /** Follows a connection from the cluster to the process; `release` lets go of the two. */
  add(socket: Socket, stream: TunnelStream, release: () => void): void {
    this.#joined.set(socket, { stream, release });
    stream.once('data', (chunk: Buffer) => {
      if (chunk.subarray(0, HTTP2.length).equals(HTTP2)) this.#multiplexed.add(socket);
    });
    socket.on('data', () => this.#writtenBefore.set(socket, socket.bytesWritten));
    this.#open.add(socket);
  }

  /** Resolves when no connection is in the middle of something, or after `limitMs`: the rest is the process's to finish. */
  async begin(limitMs: number): Promise<void> {
    this.#paused = true;
    const end = performance.now() + limitMs;
    for (;;) {
      this.#open.sweep((socket) => this.#close(socket));
      if (this.#open.size === 0 || performance.now() >= end) return;
      await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
    }
  }

  end(): void {
    this.#paused = false;
  }

  /**
   * Ends it in good order on both sides. What the caller sends before it has heard does not reach the process, but is
   * answered by a reset: the request was not begun, and can be sent again.
   */
  #close(socket: Socket): void {
    this.#open.delete(socket);
    const joined = this.#joined.get(socket);
    if (!joined || joined.stream.destroyed) return;
    const { stream, release } = joined;
    release();
    stream.end();
    stream.once('data', () => stream.destroy()).resume();
    socket.end();
    socket.resume();
  }
}
