import * as limits from './limits.ts';
import type { Clock } from './link.ts';
import type { TunnelStream } from './stream.ts';

/** Tells by the turns of the streams whether small requests or answers share the link with bulk, and would wait behind it. */
export class Sharing {
  readonly #clock: Clock;
  /** When streams had their last large turn (ms). */
  readonly #bulk = new WeakMap<TunnelStream, number>();
  /** The streams that had a small turn, and until when (ms) the link counts as shared for its sake; the first to pass come first. */
  readonly #small = new Map<number, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get now(): boolean {
    const now = this.#clock.now();
    for (const [id, until] of this.#small) {
      if (now < until) return true;
      this.#small.delete(id);
    }
    return false;
  }

  /** A stream had a turn of `length` bytes. */
  note(stream: TunnelStream, length: number): void {
    const now = this.#clock.now();
    if (length >= limits.SMALL_TURN_BYTES) {
      this.#bulk.set(stream, now);
      this.#small.delete(stream.id); // what was small was the head of its bulk, as of an answer in HTTP
    } else if (!stream.hasData && now - (this.#bulk.get(stream) ?? -Infinity) > limits.SHARED_FOR_MS) {
      // The end of a piece of bulk may be small, too: it is still bulk's.
      this.#small.delete(stream.id);
      this.#small.set(stream.id, now + limits.SHARED_FOR_MS); // at the end: a Map keeps the order of insertion
    }
  }
}
