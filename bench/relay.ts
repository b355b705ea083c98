import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { DelayLine } from './delay-line.ts';

/** A longer way to a port of this machine: both directions take half of a round trip each. */

/** What is under way in one direction of a connection (bytes): 400 MiB/s with 40 ms of one way. */
const LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Timers count whole milliseconds and come late: what is due so soon (ms) goes at once. An echo on loopback through a relay of
 * 20 ms takes 19.4 to 19.9 ms so (median of 100), and 21.4 with 0.5.
 */
const EARLY_MS = 0.8;

/** On a line, the end of a direction. */
const END = Buffer.alloc(0);

export class DelayRelay implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(roundTripMs: number, host: string, port: number) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = connect({ host, port, allowHalfOpen: true, noDelay: true });
      // A client's first bytes set out when it has heard of the accepted connection.
      const opensAt = performance.now() + roundTripMs;
      const delayMs = roundTripMs / 2;
      for (const [from, to] of [[near, far] as const, [far, near] as const]) {
        this.#sockets.add(from);
        from.on('error', () => to.resetAndDestroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          if (!from.readableEnded) to.resetAndDestroy();
        });
        carry(from, to, new DelayLine({ delayMs, limitBytes: LIMIT_BYTES, opensAt }));
      }
    });
  }

  /** Throws where `host` is not of this machine: a delay is nothing to bring to others. */
  static async begin(roundTripMs: number, host: string, port: number): Promise<DelayRelay> {
    if (host !== '127.0.0.1' && host !== 'localhost') throw new Error(`${host} is not of this machine`);
    const relay = new DelayRelay(roundTripMs, host, port);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** One direction. What the target does not take stays on the line, and a full line stops the source. */
function carry(from: Socket, to: Socket, line: DelayLine): void {
  let timer: NodeJS.Timeout | undefined;
  let blocked = false;
  const wake = (at: number) => {
    timer ??= setTimeout(flush, Math.max(0, Math.floor(at - performance.now())));
  };
  const flush = () => {
    timer = undefined;
    if (blocked || to.destroyed) return;
    const now = performance.now() + EARLY_MS;
    for (let chunk = line.take(now); chunk; chunk = line.take(now)) {
      if (chunk === END) to.end();
      if (chunk === END || to.write(chunk)) continue;
      blocked = true;
      to.once('drain', () => {
        blocked = false;
        flush();
      });
      break;
    }
    if (!line.full && from.isPaused()) from.resume();
    if (!blocked && line.nextDue !== undefined) wake(line.nextDue);
  };
  const setOut = (chunk: Buffer) => {
    line.push(chunk, performance.now());
    if (line.full) from.pause();
    if (!blocked && line.nextDue !== undefined) wake(line.nextDue);
  };
  from.on('data', setOut);
  from.on('end', () => setOut(END)); // it is under way as long as the bytes before it
  to.on('close', () => clearTimeout(timer));
}
