import { CREDIT_PART } from './limits.ts';

/** What the peer may send on a stream. All in bytes. */
export class ReceiveWindow {
  #size: number;
  /** What it may still send. */
  #allowance: number;
  /** What was read, and not granted again yet. */
  #read = 0;

  constructor(size: number) {
    this.#size = size;
    this.#allowance = size;
  }

  /** What the peer may have on its way to us when everything was read. */
  get size(): number {
    return this.#size;
  }

  /** Counts what has arrived; false if it was more than the peer may send. */
  arrived(bytes: number): boolean {
    this.#allowance -= bytes;
    return this.#allowance >= 0;
  }

  /** Counts what was read; true if it is time to grant it again. */
  read(bytes: number): boolean {
    this.#read += bytes;
    return this.#read >= this.#size * CREDIT_PART;
  }

  /** Gives the credit for what was read, and for what `growth` says that the window may grow by for that. */
  grant(growth: (read: number) => number): number {
    const more = growth(this.#read);
    const credit = this.#read + more;
    this.#size += more;
    this.#allowance += credit;
    this.#read = 0;
    return credit;
  }
}
