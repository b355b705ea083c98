import type { Server, Socket } from 'node:net';

/** Nothing new for this long (ms) means that every node's kube-proxy has heard: it syncs once a second at most. */
const QUIET_MS = 1_200;

/** An open connection on which nothing moves for this long (ms) is idle: it is closed in good order. */
const IDLE_MS = 500;

const CHECK_MS = 50;

/**
 * Follows the connections of all inbound servers, so that a pod whose Services were given back can end as soon as
 * nobody would notice.
 */
export class Departure {
  readonly #sockets = new Map<Socket, { bytes: number; movedAt: number }>();
  #lastAccepted = performance.now();

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#lastAccepted = performance.now();
      this.#sockets.set(socket, { bytes: 0, movedAt: performance.now() });
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** Resolves when no connection comes any more and the open ones are done. Call it once the Services are given back. */
  async complete(): Promise<void> {
    while (!this.#done()) await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
  }

  #done(): boolean {
    const now = performance.now();
    for (const [socket, seen] of this.#sockets) {
      const bytes = socket.bytesRead + socket.bytesWritten;
      if (bytes !== seen.bytes) this.#sockets.set(socket, { bytes, movedAt: now });
      else if (now - seen.movedAt >= IDLE_MS) socket.destroySoon();
    }
    return this.#sockets.size === 0 && now - this.#lastAccepted >= QUIET_MS;
  }
}
