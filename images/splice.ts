import type { Socket } from 'node:net';
import { carry } from '../src/tunnel/carry.ts';
import { ResetCode, StreamReset } from '../src/tunnel/errors.ts';
import type { TunnelStream } from '../src/tunnel/stream.ts';

/**
 * Joins a connected socket and an accepted stream until both are done. A half-close stays a half-close and a reset a
 * reset, in both directions; what one side does not read, the other may not send. The result lets go of both, and leaves
 * them paused.
 */
export function splice(socket: Socket, stream: TunnelStream): () => void {
  if (stream.destroyed) {
    cut(socket, stream.errored ?? undefined);
    return () => {};
  }
  socket.setNoDelay(true);
  socket.on('error', (error) => stream.destroy(error));
  stream.on('error', (error) => cut(socket, error));
  socket.on('close', () => {
    if (!socket.readableEnded || !socket.writableFinished) stream.destroy();
  });
  stream.on('close', () => {
    if (!stream.readableEnded) cut(socket);
  });
  const releases = [carry(socket, stream, { gathers: true }), carry(stream, socket)];
  return () => {
    for (const release of releases) release();
  };
}

/** Ends a socket the way the other side's connection ended: mostly with a TCP reset. */
function cut(socket: Socket, cause?: Error): void {
  const silent = cause instanceof StreamReset && cause.code === ResetCode.timedOut;
  if (silent) socket.destroy();
  else if (!socket.destroyed) socket.resetAndDestroy();
}
