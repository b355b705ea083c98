import { CloseCode, TunnelError } from './errors.ts';
import { type Frame, nextSequence } from './frame.ts';
import { ACK_AFTER_MS } from './limits.ts';
import type { Clock } from './link.ts';

/** The peer's frames that have arrived, over all links of a session, and when the peer is told of them. */
export class Arrivals {
  readonly #clock: Clock;
  readonly #acknowledge: (expected: number) => void;
  #expected = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, acknowledge: (expected: number) => void) {
    this.#clock = clock;
    this.#acknowledge = acknowledge;
  }

  /** The number of the next frame. */
  get expected(): number {
    return this.#expected;
  }

  /** Counts a frame; the peer is told now, if it asks for it, or soon. Throws TunnelError when another one was to come. */
  count({ sequence, ask }: Frame): void {
    if (sequence !== this.#expected) {
      throw new TunnelError(CloseCode.protocolError, `frame ${sequence}, expected ${this.#expected}`);
    }
    this.#expected = nextSequence(this.#expected);
    if (ask) this.#tell();
    else this.#cancel ??= this.#clock.after(ACK_AFTER_MS, () => this.#tell());
  }

  /** The link is gone, and the next hello says what has arrived. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #tell(): void {
    this.stop();
    this.#acknowledge(this.#expected);
  }
}
