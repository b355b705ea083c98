import type { Duplex } from 'node:stream';
import type { Link } from './link.ts';

/** A link over a Node stream: a socket, a WebSocket's stream, or the two ends of a process. */
export function duplexLink(duplex: Duplex): Link {
  let closed = false;
  const link: Link = {
    send(buffers) {
      if (closed || duplex.destroyed || duplex.writableEnded) return true;
      duplex.cork();
      let room = true;
      for (const buffer of buffers) room = duplex.write(buffer);
      duplex.uncork();
      return room;
    },
    close() {
      // What was sent still leaves; a peer that does not close in turn is cut by the socket's owner.
      if (!duplex.destroyed) duplex.end(() => duplex.destroy());
    },
    onBytes: () => {},
    onDrained: () => {},
    onClosed: () => {},
  };
  const over = (cause?: Error) => {
    if (closed) return;
    closed = true;
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
