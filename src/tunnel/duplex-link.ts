import type { Duplex } from 'node:stream';
import { corkForTurn } from './cork.ts';
import { CLOSE_GRACE_MS } from './limits.ts';
import { type Clock, type Link, systemClock } from './link.ts';

/** A link over a Node stream: a socket, a WebSocket's stream, or the two ends of a process. */
export function duplexLink(duplex: Duplex, clock: Clock = systemClock): Link {
  let closed = false;
  let cancelCut = () => {};
  const link: Link = {
    send(buffers) {
      if (closed || duplex.destroyed || duplex.writableEnded) return true;
      corkForTurn(duplex);
      let room = true;
      for (const buffer of buffers) room = duplex.write(buffer);
      if (!room) duplex.uncork();
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
