import type { Server, Socket } from 'node:net';

/** Nothing new for this long (ms) means that every node's kube-proxy has heard: it syncs once a second at most. */
const QUIET_MS = 1_200;

/** An open connection on which nothing moves for this long (ms) is idle: it is closed in good order. */
const IDLE_MS = 500;

/**
 * One on which the caller was answered last, and has been quiet for this long (ms) since, is between two requests. A
 * client that keeps connections expects such an end, and asks again; in the middle of an answer it would not.
 */
const LULL_MS = 20;

const CHECK_MS = 5;

interface Movement {
  read: number;
  written: number;
  movedAt: number;
  /** Whether the last that moved was to the caller. */
  answered: boolean;
}

/**
 * Follows the connections of all inbound servers, so that a pod whose Services were given back can end as soon as
 * nobody would notice.
 */
export class Departure {
  readonly #sockets = new Map<Socket, Movement>();
  #lastAccepted = performance.now();

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#lastAccepted = performance.now();
      this.#sockets.set(socket, { read: 0, written: 0, movedAt: performance.now(), answered: false });
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** The Services were given back just now: nodes that have not heard go on sending here, even after a quiet hour. */
  givenBack(): void {
    this.#lastAccepted = performance.now();
  }

  /** Resolves when no connection comes any more and the open ones are done. Call it once the Services are given back. */
  async complete(): Promise<void> {
    while (!this.#done()) await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
  }

  #done(): boolean {
    const now = performance.now();
    for (const [socket, seen] of this.#sockets) {
      const { bytesRead: read, bytesWritten: written } = socket;
      if (read !== seen.read || written !== seen.written) {
        this.#sockets.set(socket, { read, written, movedAt: now, answered: written !== seen.written });
      } else if (socket.writableLength > 0) {
        // A caller that reads slowly is in the middle of an answer; the pod's grace bounds that.
      } else if (now - seen.movedAt >= (seen.answered ? LULL_MS : IDLE_MS)) socket.destroySoon();
    }
    return this.#sockets.size === 0 && now - this.#lastAccepted >= QUIET_MS;
  }
}
