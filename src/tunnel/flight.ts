import * as limits from './limits.ts';
import type { Clock } from './link.ts';

/** What is known of a frame when it is sent, to be given back with its acknowledgement. */
export interface Departure {
  /** When it left (ms, by the clock). */
  at: number;
  /** Bytes that had been acknowledged by then, and since when. */
  delivered: number;
  deliveredAt: number;
}

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
 * How much may be on its way: twice what the path holds, measured by its acknowledgements. Its rate is the greatest at
 * which bytes were delivered lately, its round trip the shortest: their product is what fills it, and what is beyond only
 * waits in buffers, and others behind it. Twice, so that a path which has become faster is found out. After BBR (Cardwell
 * and others, ACM Queue 14/5).
 */
export class Flight {
  readonly #clock: Clock;
  #delivered = 0;
  #deliveredAt: number;
  #rate!: RecentExtreme;
  #roundTrip!: RecentExtreme;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#deliveredAt = clock.now();
    this.reset();
  }

  /** Another link: nothing is known of it. */
  reset(): void {
    const now = this.#clock.now();
    this.#rate = new RecentExtreme(Math.max, 0, now);
    this.#roundTrip = new RecentExtreme(Math.min, Number.POSITIVE_INFINITY, now);
  }

  /** A frame leaves. `idle`: nothing else is on its way. */
  depart(idle: boolean): Departure {
    const at = this.#clock.now();
    if (idle) this.#deliveredAt = at; // the time before says nothing of the path
    return { at, delivered: this.#delivered, deliveredAt: this.#deliveredAt };
  }

  /** Frames of `bytes` were acknowledged at once, of which `last` left last. */
  arrive(bytes: number, last: Departure): void {
    const now = this.#clock.now();
    this.#delivered += bytes;
    this.#deliveredAt = now;
    const elapsed = now - last.deliveredAt;
    if (elapsed > 0) this.#rate.add((this.#delivered - last.delivered) / elapsed, now);
    this.#roundTrip.add(now - last.at, now);
  }

  /** Bytes. */
  get limit(): number {
    const held = this.#rate.value * this.#roundTrip.value;
    if (!Number.isFinite(held)) return limits.MIN_FLIGHT_BYTES;
    return Math.min(limits.SESSION_WINDOW_BYTES, Math.max(limits.MIN_FLIGHT_BYTES, 2 * held));
  }
}
