import type { Readable, Writable } from 'node:stream';
import { Departure } from './departure.ts';
import { CARRY_BYTES, CARRY_CHUNKS } from './limits.ts';
import { systemClock } from './link.ts';

export interface CarryOptions {
  /** `to` itself gathers what it is given in a turn of the event loop, as a stream of the tunnel does: see duplexLink. */
  gathers?: boolean;
}

/**
 * Writes what `from` gives to `to`, and its end. What comes in one turn of the event loop is written at once, since each
 * write wakes who reads it; `from` is not read while much waits in `to`. Errors are the caller's to hear. The result
 * lets go: `from` is left paused, and its end is no longer passed on.
 */
export function carry(from: Readable, to: Writable, { gathers = false }: CarryOptions = {}): () => void {
  const departure = new Departure(to, systemClock);
  let waiting = false;
  let chunks = 0;
  const onData = (chunk: Buffer) => {
    if (!gathers) departure.within('turn');
    chunks = to.writableLength === 0 ? 1 : chunks + 1;
    if (to.write(chunk) || (to.writableLength < CARRY_BYTES && chunks < CARRY_CHUNKS)) return;
    waiting = true;
    from.pause();
  };
  const onDrain = () => {
    if (waiting) from.resume();
    waiting = false;
  };
  const onEnd = () => to.end();
  // What came before a reset leaves before the reset is passed on.
  const onOver = () => departure.now();
  const release = () => {
    from.off('data', onData).off('end', onEnd).off('error', onOver).off('close', onOver).pause();
    to.off('drain', onDrain).off('close', release);
    departure.now();
  };
  from.on('data', onData).on('end', onEnd).prependListener('error', onOver).prependListener('close', onOver);
  to.on('drain', onDrain).on('close', release);
  // As pipe() does: an end that came before is not told again.
  if (from.readableEnded) onEnd();
  else from.resume();
  return release;
}
