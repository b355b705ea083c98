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
  /** What had been written when something was read last. */
  writtenAtRead: number;
}

/** Where a socket leads: to the caller, or to the process that answers. */
export type Peer = 'caller' | 'process';

/** Follows open connections, to close each at a moment at which nobody minds. */
export class QuietConnections {
  readonly #sockets = new Map<Socket, Movement>();
  readonly #peer: Peer;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  add(socket: Socket): void {
    const movement = { read: 0, written: 0, movedAt: performance.now(), writtenAtRead: 0 };
    this.#sockets.set(socket, movement);
    socket.on('data', () => {
      movement.writtenAtRead = socket.bytesWritten;
    });
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
    for (const [socket, movement] of this.#sockets) {
      const { bytesRead: read, bytesWritten: written } = socket;
      if (read !== movement.read || written !== movement.written) {
        Object.assign(movement, { read, written, movedAt: now });
      } else if (socket.writableLength > 0) {
        // One that reads slowly is in the middle of something.
      } else if (now - movement.movedAt >= (this.#isAnswered(movement) ? LULL_MS : IDLE_MS)) close(socket);
    }
  }

  /** Whether the last that moved was an answer. */
  #isAnswered({ read, written, writtenAtRead }: Movement): boolean {
    return this.#peer === 'caller' ? written > writtenAtRead : read > 0 && written === writtenAtRead;
  }
}
