/**
 * How soon what is sent has to leave: at the end of this turn of the event loop, of the next one, as something comes that
 * belongs to it, or within LINGER_MS, as nobody waits for it. What leaves together wakes all who pass it on only once.
 */
export type Patience = 'turn' | 'nextTurn' | 'linger';

/** From the most urgent on. */
const PATIENCE: readonly Patience[] = ['turn', 'nextTurn', 'linger'];

/** The patience of the two that is less. */
export const lessPatient = (one: Patience, other: Patience): Patience =>
  PATIENCE.indexOf(one) <= PATIENCE.indexOf(other) ? one : other;

/**
 * What carries the tunnel's bytes: reliable and in order until it closes. The tunnel owns it and sets the `on…`
 * callbacks before it sends.
 *
 * Failure contract: neither method throws; after `onClosed` (called exactly once, whoever closed it) nothing else
 * is called and `send` is ignored. Bytes sent before a failure may or may not have arrived. No callback is called
 * from within `send` or `close`.
 */
export interface Link {
  /**
   * Queues the buffers, in order; with what is sent later they leave sooner, if that has less patience. False asks to send no
   * more until `onDrained`; what was given is kept all the same.
   */
  send(buffers: Buffer[], patience?: Patience): boolean;
  /** Closes after what was sent has left. */
  close(): void;
  onBytes: (chunk: Buffer) => void;
  onDrained: () => void;
  onClosed: (cause?: Error) => void;
}

/** Time, injected so that tests own it. Milliseconds. */
export interface Clock {
  now(): number;
  /** Calls `run` once after `ms`; the result cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** The clock of the running process; a pending timer does not keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
