/** Bytes on their way: what went in comes out in order, a fixed time later. Does no I/O; time is told to it. */

export interface DelayLineOptions {
  /** How long each byte is under way (ms). */
  delayMs: number;
  /** What is under way at most (bytes): when it is `full`, no more may be put in until some has come out. */
  limitBytes: number;
  /** Nothing sets out before this time (ms): the end of the connection's handshake. */
  opensAt?: number;
}

export class DelayLine {
  readonly #options: DelayLineOptions;
  readonly #queue: { due: number; chunk: Buffer }[] = [];
  #bytes = 0;

  constructor(options: DelayLineOptions) {
    this.#options = options;
  }

  /** Sets out at `now` (ms). The last chunk may go beyond the limit: sockets give what they have. */
  push(chunk: Buffer, now: number): void {
    const { delayMs, opensAt = 0 } = this.#options;
    this.#queue.push({ due: Math.max(now, opensAt) + delayMs, chunk });
    this.#bytes += chunk.length;
  }

  /** The next chunk that has arrived by `now`. */
  take(now: number): Buffer | undefined {
    const [first] = this.#queue;
    if (!first || first.due > now) return undefined;
    this.#queue.shift();
    this.#bytes -= first.chunk.length;
    return first.chunk;
  }

  /** When the next chunk arrives (ms). */
  get nextDue(): number | undefined {
    return this.#queue[0]?.due;
  }

  get full(): boolean {
    return this.#bytes >= this.#options.limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }
}
