import * as limits from './limits.ts';
import type { Clock } from './link.ts';

/** What a window is measured by. */
interface Windowed {
  /** Bytes. */
  readonly window: number;
}

/**
 * Windows that follow the product of bandwidth and delay: one of which much is used up within a round trip is what holds
 * its stream back, and grows. What all of them have grown by is bounded.
 */
export class WindowGrowth {
  readonly #clock: Clock;
  readonly #begun = new WeakMap<Windowed, { since: number; taken: number }>();
  /** By how much all have grown (bytes). */
  #grown = 0;
  /** The largest that one was given (bytes). */
  #largest = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** By how much a window may grow (bytes) whose reader has just taken `bytes`, at a round trip of so many ms. */
  growth(stream: Windowed, bytes: number, roundTripMs: number): number {
    const now = this.#clock.now();
    const begun = this.#begun.get(stream);
    if (!begun) {
      // When these came is not known; what comes from now on is.
      this.#begun.set(stream, { since: now, taken: 0 });
      return 0;
    }
    const { since, taken } = begun;
    const { window } = stream;
    const much = window * limits.WINDOW_PART;
    const used = taken + bytes;
    if (used < much) {
      this.#begun.set(stream, { since, taken: used });
      return 0;
    }
    this.#begun.set(stream, { since: now, taken: 0 });
    // By the rate, as a whole window may come at once.
    if ((now - since) * much >= used * roundTripMs) return 0;
    const left = limits.WINDOW_GROWTH_BYTES - this.#grown;
    // What one stream needed the next on the same path needs, too, without finding out step by step.
    const known = Math.min(this.#largest, window + Math.floor(left * limits.KNOWN_WINDOW_PART));
    const wanted = Math.min(limits.MAX_STREAM_WINDOW_BYTES, Math.max(limits.WINDOW_GAIN * window, known));
    const growth = Math.min(wanted - window, left);
    this.#largest = Math.max(this.#largest, window + growth);
    this.#grown += growth;
    return growth;
  }

  /** The stream is over. */
  forget({ window }: Windowed): void {
    this.#grown -= Math.max(0, window - limits.STREAM_WINDOW_BYTES);
  }
}
