import * as limits from './limits.ts';
import type { Clock } from './link.ts';
import type { TunnelStream } from './stream.ts';

/** Tells by the turns of the streams whether small requests or answers share the link with bulk, and would wait behind it. */
export class Sharing {
  readonly #clock: Clock;
  /** When streams had their last large turn (ms). */
  readonly #bulk = new WeakMap<TunnelStream, number>();
  /** The stream that had the last small turn, and until when (ms) the link counts as shared: for its sake, for that of others. */
  #last = 0;
  #untilLast = 0;
  #untilOthers = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get now(): boolean {
    return this.#clock.now() < Math.max(this.#untilLast, this.#untilOthers);
  }

  /** A stream had a turn of `length` bytes. */
  note(stream: TunnelStream, length: number): void {
    const now = this.#clock.now();
    if (length >= limits.SMALL_TURN_BYTES) {
      this.#bulk.set(stream, now);
      // What was small was the head of its bulk, as of an answer in HTTP.
      if (this.#last === stream.id) this.#untilLast = 0;
    } else if (!stream.hasData && now - (this.#bulk.get(stream) ?? -Infinity) > limits.SHARED_FOR_MS) {
      // The end of a piece of bulk may be small, too: it is still bulk's.
      if (this.#last !== stream.id) this.#untilOthers = this.#untilLast;
      this.#last = stream.id;
      this.#untilLast = now + limits.SHARED_FOR_MS;
    }
  }
}
