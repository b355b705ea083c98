/**
 * What carries the tunnel's bytes: reliable and in order until it closes. The tunnel owns it and sets the `on…`
 * callbacks before it sends.
 *
 * Failure contract: neither method throws; after `onClosed` (called exactly once, whoever closed it) nothing else
 * is called and `send` is ignored. Bytes sent before a failure may or may not have arrived. No callback is called
 * from within `send` or `close`.
 */
export interface Link {
  /** Queues the buffers, in order. False asks to send no more until `onDrained`; what was given is kept all the same. */
  send(buffers: Buffer[]): boolean;
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
