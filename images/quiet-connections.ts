import type { Socket } from 'node:net';

/** An open connection on which nothing moves for this long (ms) is idle: it is closed in good order. */
const IDLE_MS = 500;

/**
 * One on which the caller was answered last, and has been quiet for this long (ms) since, is between two requests. A
 * client that keeps connections expects such an end, and asks again; in the middle of an answer it would not.
 */
const LULL_MS = 20;

interface Movement {
  read: number;
  written: number;
  movedAt: number;
  /** Whether the last that moved was to the caller. */
  answered: boolean;
}

/** Follows open connections, to close each at a moment at which nobody minds. */
export class QuietConnections {
  readonly #sockets = new Map<Socket, Movement>();
  readonly #isAnswered: (socket: Socket, before: Movement) => boolean;

  /** `isAnswered` tells, of a socket on which something moved since `before`, whether it was to the caller at last. */
  constructor(isAnswered: (socket: Socket, before: Movement) => boolean) {
    this.#isAnswered = isAnswered;
  }

  add(socket: Socket): void {
    this.#sockets.set(socket, { read: -1, written: -1, movedAt: 0, answered: false });
    socket.on('close', () => this.#sockets.delete(socket));
  }

  /** Those that are open. */
  get size(): number {
    return this.#sockets.size;
  }

  /** No longer follows it, as it has been closed towards the caller. */
  delete(socket: Socket): void {
    this.#sockets.delete(socket);
  }

  /** Calls `close` for those that are quiet now. To be called again and again, for it is how movement is seen. */
  sweep(close: (socket: Socket) => void): void {
    const now = performance.now();
    for (const [socket, before] of this.#sockets) {
      const { bytesRead: read, bytesWritten: written } = socket;
      if (read !== before.read || written !== before.written) {
        const answered = this.#isAnswered(socket, before);
        this.#sockets.set(socket, { read, written, movedAt: now, answered });
      } else if (socket.writableLength > 0) {
        // One that reads slowly is in the middle of something.
      } else if (now - before.movedAt >= (before.answered ? LULL_MS : IDLE_MS)) close(socket);
    }
  }
}
