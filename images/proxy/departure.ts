import type { Server, Socket } from 'node:net';
import { QuietConnections } from '../quiet-connections.ts';

/** Nothing new for this long (ms) means that every node's kube-proxy has heard: it syncs once a second at most. */
const QUIET_MS = 1_200;

const CHECK_MS = 5;

/**
 * Follows the connections of all inbound servers, so that a pod whose Services were given back can end as soon as
 * nobody would notice.
 */
export class Departure {
  /** At the first look nobody knows what came last: then it may be a request. */
  readonly #open = new QuietConnections(
    ({ bytesWritten }, { written }) => written >= 0 && bytesWritten !== written,
  );
  #lastAccepted = performance.now();

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#lastAccepted = performance.now();
      this.#open.add(socket);
    });
  }

  /** Somebody new sent a datagram. */
  callerCame(): void {
    this.#lastAccepted = performance.now();
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
    // What is open longer than the pod's grace is cut by its end.
    this.#open.sweep((socket) => socket.destroySoon());
    return this.#open.size === 0 && performance.now() - this.#lastAccepted >= QUIET_MS;
  }
}
