import type { Readable, Writable } from 'node:stream';
import { Departure } from './departure.ts';
import { CARRY_BYTES } from './limits.ts';
import { type Clock, systemClock } from './link.ts';

/**
 * Writes what `from` gives to `to`, and its end. What comes in one turn of the event loop is written at once, since each
 * write wakes who reads it; `from` is not read while much waits in `to`. Errors are the caller's. The result lets
 * go: `from` is left paused, and its end is no longer passed on.
 */
export function carry(from: Readable, to: Writable, clock: Clock = systemClock): () => void {
  const departure = new Departure(to, clock);
  let waiting = false;
  const onData = (chunk: Buffer) => {
    departure.within('turn');
    if (to.write(chunk) || to.writableLength < CARRY_BYTES) return;
    waiting = true;
    departure.now();
    from.pause();
  };
  const onDrain = () => {
    if (waiting) from.resume();
    waiting = false;
  };
  const onEnd = () => to.end();
  // What came before a reset leaves before the reset is passed on.
  const onOver = () => departure.now();
  from.on('data', onData).on('end', onEnd).prependListener('error', onOver).prependListener('close', onOver);
  to.on('drain', onDrain);
  from.resume();
  return () => {
    from.off('data', onData).off('end', onEnd).off('error', onOver).off('close', onOver).pause();
    to.off('drain', onDrain);
    departure.now();
  };
}
