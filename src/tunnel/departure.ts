import type { Writable } from 'node:stream';
import { LINGER_MS } from './limits.ts';
import { type Clock, lessPatient, type Patience } from './link.ts';

/** When what is written to a stream leaves it: together with what follows, as long as all of it can wait. */
export class Departure {
  readonly #to: Writable;
  readonly #clock: Clock;
  /** Of the least patient that waits; undefined while nothing does. */
  #patience: Patience | undefined;
  #cancel = () => {};

  constructor(to: Writable, clock: Clock) {
    this.#to = to;
    this.#clock = clock;
  }

  /** What is written next leaves as soon as `patience` says, and what waits already with it. */
  within(patience: Patience): void {
    if (this.#patience === undefined) this.#to.cork();
    else if (lessPatient(this.#patience, patience) === this.#patience) return;
    this.#cancel();
    this.#patience = patience;
    this.#cancel = this.#after(patience, () => this.now());
  }

  /** What waits leaves. */
  now(): void {
    if (this.#patience === undefined) return;
    this.#cancel();
    this.#patience = undefined;
    this.#to.uncork();
  }

  #after(patience: Patience, run: () => void): () => void {
    if (patience === 'linger') return this.#clock.after(LINGER_MS, run);
    // What the kernel has for us already is read between the two.
    let next = setImmediate(() => {
      if (patience === 'turn') run();
      else next = setImmediate(run);
    });
    return () => clearImmediate(next);
  }
}
