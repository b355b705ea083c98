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

/** The rate at which bytes are delivered, over one period after the other. */
class RateSamples {
  /** In this period (bytes). */
  delivered = 0;
  #since = 0;

  begin(now: number): void {
    this.delivered = 0;
    this.#since = now;
  }

  /** `bytes` were delivered. The rate (bytes/ms) of the period of so many ms that has ended by that; else undefined. */
  take(bytes: number, now: number, periodMs: number): number | undefined {
    this.delivered += bytes;
    const elapsed = now - this.#since;
    if (elapsed < periodMs) return undefined;
    const rate = this.delivered / elapsed;
    this.begin(now);
    return rate;
  }
}

/**
 * How much may be on its way: what the path holds, measured by its acknowledgements. Its rate is the greatest at which bytes
 * were delivered lately, its round trip the shortest: their product is what fills it, and what is beyond only waits in
 * buffers, and others behind it. After BBR (Cardwell and others, ACM Queue 14/5).
 */
export class Flight {
  readonly #clock: Clock;
  readonly #samples = new RateSamples();
  /** Of a round trip each, which is soon enough to see how fast a path is while a transfer starts. */
  readonly #quick = new RateSamples();
  /** The fastest quick sample of a start; counts until that is over and the rate itself was measured again. */
  #found = 0;
  /** How many quick samples in a row were no faster, though as much was on its way as may be: then the start is over. */
  #stalled = 0;
  /** Whether as much was, in the quick sample that is being taken. */
  #filled = false;
  #rate!: RecentExtreme;
  #roundTrip!: RecentExtreme;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.reset();
  }

  /** Another link: nothing is known of it. */
  reset(): void {
    const now = this.#clock.now();
    this.#begin(now);
    this.#stalled = 0;
    this.#found = 0;
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

  #begin(now: number): void {
    this.#samples.begin(now);
    this.#quick.begin(now);
  }

  /** Frames of `bytes` were acknowledged at once, of which the last left at `departed`. */
  arrive(bytes: number, departed: number): void {
    const now = this.#clock.now();
    this.#roundTrip.add(now - departed, now);
    const quick = this.#quick.take(bytes, now, Math.max(limits.QUICK_SAMPLE_MS, this.#roundTrip.value));
    if (quick !== undefined) {
      if (this.#starts) this.#compare(quick);
      this.#filled = false;
    }
    const rate = this.#samples.take(bytes, now, limits.RATE_SAMPLE_MS);
    if (rate === undefined) return;
    if (this.#isFaster(rate)) this.#stalled = 0; // the path is another one
    this.#rate.add(rate, now);
    if (!this.#starts) this.#found = 0;
  }

  /** As much is on its way as may be, for bulk alone: what comes of it tells of the path. */
  fill(): void {
    this.#filled = true;
  }

  #compare(quick: number): void {
    if (this.#isFaster(quick)) {
      this.#found = quick;
      this.#stalled = 0;
    } else if (this.#filled) this.#stalled++;
  }

  #isFaster(rate: number): boolean {
    return rate >= limits.RATE_GROWTH * Math.max(this.#rate.value, this.#found);
  }

  /** Whether it is still being found out how fast the path is. */
  get #starts(): boolean {
    return this.#stalled < limits.STALLED_SAMPLES;
  }

  /** What a path of this rate (bytes/ms) holds (bytes), as far as it is known, without the first `ms` of its round trip. */
  #held(rate: number, ms = 0): number {
    const held = rate * Math.max(0, this.#roundTrip.value - ms);
    return Number.isFinite(held) ? held : 0;
  }

  /**
   * Bytes. While small requests `share` the link what the network holds and no more; else a multiple of what the path does, so
   * that one which is or has become faster is found out, or what passes in a while, if that is more.
   */
  limit(share: boolean): number {
    const rate = this.#rate.value;
    const held = this.#held(Math.max(rate, this.#found));
    // What was delivered is a round trip old: more follows for each byte of it, as in TCP's slow start.
    const most = this.#starts
      ? Math.max(limits.MIN_FLIGHT_BYTES, limits.START_GAIN * held) +
        (limits.START_GAIN - 1) * this.#quick.delivered
      : limits.FLIGHT_GAIN * held;
    const wanted = share
      ? Math.max(limits.SHARED_FLIGHT_BYTES, this.#held(rate, limits.PROCESSING_MS))
      : Math.max(limits.MIN_FLIGHT_BYTES, most, rate * limits.FLIGHT_MS);
    return Math.min(limits.SESSION_WINDOW_BYTES, wanted);
  }
}
