import type { Writable } from 'node:stream';

/** What is written to `to` from now to the end of this turn of the event loop leaves at once: each write wakes all who pass it on. */
export function corkForTurn(to: Writable): void {
  if (to.writableCorked > 0) return;
  to.cork();
  setImmediate(() => to.uncork());
}
