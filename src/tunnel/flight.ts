import * as limits from './limits.ts';
import type { Clock } from './link.ts';

/** The extreme of the last one to two periods: what is older says nothing of the path as it is now. */
class RecentExtreme {
  #before: number;
  #now: number;
  #since: number;
  readonly #pick: (a: number, b: number) => number;
  readonly #none: number;

  constructor(pick: (a: number, b: number) => number, none: number, now: number) {
    this.#pick = pick;
    this.#none = none;
    this.#before = none;
    this.#now = none;
    this.#since = now;
  }

  add(value: number, now: number): void {
    if (now - this.#since >= limits.PATH_MEMORY_MS) {
      this.#before = this.#now;
      this.#now = this.#none;
      this.#since = now;
    }
    this.#now = this.#pick(this.#now, value);
  }

  get value(): number {
    return this.#pick(this.#before, this.#now);
  }
}

/**
 * How much may be on its way: what the path holds, measured by its acknowledgements. Its rate is the greatest at which bytes
 * were delivered lately, its round trip the shortest: their product is what fills it, and what is beyond only waits in
 * buffers, and others behind it. After BBR (Cardwell and others, ACM Queue 14/5).
 */
export class Flight {
  readonly #clock: Clock;
  /** What was delivered since, for the next sample of the rate. */
  #delivered = 0;
  #since: number;
  /** Whether the last sample of the rate was well above all before. */
  #grows = false;
  #rate!: RecentExtreme;
  #roundTrip!: RecentExtreme;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
    this.reset();
  }

  /** Another link: nothing is known of it. */
  reset(): void {
    const now = this.#clock.now();
    this.#grows = false;
    this.#rate = new RecentExtreme(Math.max, 0, now);
    this.#roundTrip = new RecentExtreme(Math.min, Number.POSITIVE_INFINITY, now);
  }

  /** A frame leaves: gives the time (ms), to be told with its acknowledgement. `idle`: nothing else is on its way. */
  depart(idle: boolean): number {
    const now = this.#clock.now();
    // The time before says nothing of the path.
    if (idle) this.#begin(now);
    return now;
  }

  /** Frames of `bytes` were acknowledged at once, of which the last left at `departed`. */
  arrive(bytes: number, departed: number): void {
    const now = this.#clock.now();
    this.#roundTrip.add(now - departed, now);
    this.#delivered += bytes;
    const elapsed = now - this.#since;
    if (elapsed < limits.RATE_SAMPLE_MS) return;
    const rate = this.#delivered / elapsed;
    this.#grows = rate >= limits.RATE_GROWTH * this.#rate.value;
    this.#rate.add(rate, now);
    this.#begin(now);
  }

  #begin(now: number): void {
    this.#delivered = 0;
    this.#since = now;
  }

  /** What the path holds (bytes), as far as it is known, without the first `ms` of its round trip. */
  #held(ms = 0): number {
    const held = this.#rate.value * Math.max(0, this.#roundTrip.value - ms);
    return Number.isFinite(held) ? held : 0;
  }

  /**
   * Bytes. While small requests `share` the link what the network holds and no more; else a multiple of what the path does, so
   * that one which is or has become faster is found out, or what passes in a while, if that is more.
   */
  limit(share: boolean): number {
    const gain = this.#grows ? limits.START_GAIN : limits.FLIGHT_GAIN;
    const wanted = share
      ? Math.max(limits.SHARED_FLIGHT_BYTES, this.#held(limits.PROCESSING_MS))
      : Math.max(limits.MIN_FLIGHT_BYTES, gain * this.#held(), this.#rate.value * limits.FLIGHT_MS);
    return Math.min(limits.SESSION_WINDOW_BYTES, wanted);
  }
}
