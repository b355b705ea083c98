import type { Duplex } from 'node:stream';
import { Departure } from './departure.ts';
import { CARRY_BYTES, CLOSE_GRACE_MS } from './limits.ts';
import { type Clock, type Link, systemClock } from './link.ts';

/** A link over a Node stream: a socket, a WebSocket's stream, or the two ends of a process. */
export function duplexLink(duplex: Duplex, clock: Clock = systemClock): Link {
  const departure = new Departure(duplex, clock);
  let closed = false;
  let cancelCut = () => {};
  const link: Link = {
    send(buffers, patience = 'turn') {
      if (closed || duplex.destroyed || duplex.writableEnded) return true;
      departure.within(patience);
      let room = true;
      for (const buffer of buffers) room = duplex.write(buffer);
      room ||= duplex.writableLength < CARRY_BYTES;
      if (!room) departure.now();
      return room;
    },
    close() {
      if (duplex.destroyed || duplex.writableEnded) return;
      // What was sent still leaves, so the peer learns why. One that neither takes it nor closes in turn is cut.
      duplex.end();
      cancelCut = clock.after(CLOSE_GRACE_MS, () => duplex.destroy());
    },
    onBytes: () => {},
    onDrained: () => {},
    onClosed: () => {},
  };
  const over = (cause?: Error) => {
    if (closed) return;
    closed = true;
    departure.now();
    cancelCut();
    link.onClosed(cause);
  };
  let failure: Error | undefined;
  duplex.on('data', (chunk: Buffer) => link.onBytes(chunk));
  duplex.on('drain', () => link.onDrained());
  duplex.on('error', (error) => {
    failure = error;
  });
  duplex.on('end', () => duplex.destroy());
  duplex.on('close', () => over(failure));
  return link;
}
