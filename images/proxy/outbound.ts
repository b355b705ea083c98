import { connect } from 'node:net';
import { ResetCode, resetCodeOf } from '../../src/tunnel/errors.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { splice } from '../splice.ts';

/** Dials for the user's process; the stream is accepted when the peer accepted, else reset with the socket's error. */
export function dialOut(stream: TunnelStream, host: string, port: number): void {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  const failed = (error: Error) => {
    const code = resetCodeOf(error);
    // Only a peer that has accepted can have reset: to a SYN the same packet says ECONNREFUSED.
    if (code === ResetCode.connectionReset) stream.accept();
    stream.reset(code, error.message);
  };
  const gone = () => socket.destroy();
  socket.once('error', failed);
  stream.once('close', gone);
  stream.once('error', gone);
  socket.once('connect', () => {
    socket.off('error', failed);
    stream.off('close', gone).off('error', gone);
    stream.accept();
    splice(socket, stream);
  });
}
