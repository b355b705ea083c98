import type { Socket } from 'node:net';
import { encodeRequest, type StreamRequest } from '../src/tunnel/request.ts';
import type { Tunnel } from '../src/tunnel/tunnel.ts';
import { splice } from './splice.ts';

/**
 * Joins an accepted connection, from which nothing was read yet, to what the other end dials for `request`; it is reset
 * where nobody accepts. `told` hears which of both came of it.
 */
export function passOn(
  socket: Socket,
  link: Tunnel | undefined,
  request: StreamRequest,
  told: (accepted: boolean) => void = () => {},
): void {
  if (!link) return void socket.resetAndDestroy();
  const stream = link.open(encodeRequest(request));
  const cancel = () => stream.destroy();
  const refused = () => {
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
