import type { Socket } from 'node:net';
import { encodeRequest, type StreamRequest } from '../src/tunnel/request.ts';
import type { Tunnel } from '../src/tunnel/tunnel.ts';
import { splice } from './splice.ts';

export interface PassOnOptions {
  /** Hears whether the peer accepted. */
  told?(accepted: boolean): void;
  /** What is read goes with the request, and does not wait for the peer: a round trip less. */
  early?: boolean;
}

/**
 * Joins an accepted connection, from which nothing was read yet, to what the other end dials for `request`; it is reset
 * where nobody accepts.
 */
export function passOn(
  socket: Socket,
  link: Tunnel | undefined,
  request: StreamRequest,
  { told = () => {}, early = false }: PassOnOptions = {},
): void {
  if (!link) return void socket.resetAndDestroy();
  // What is read goes with it, as mostly it is there already.
  const stream = link.open(encodeRequest(request), early ? 'nextTurn' : 'turn');
  if (early) {
    const missed = () => told(false);
    stream.once('error', missed);
    stream.once('accept', () => {
      stream.off('error', missed);
      told(true);
    });
    return void splice(socket, stream);
  }
  const cancel = () => stream.destroy();
  const refused = () => {
    stream.off('close', refused);
    told(false);
    socket.resetAndDestroy();
  };
  socket.once('close', cancel);
  stream.once('error', refused);
  stream.once('close', refused);
  stream.once('accept', () => {
    told(true);
    socket.off('close', cancel);
    stream.off('error', refused).off('close', refused);
    splice(socket, stream);
  });
}
