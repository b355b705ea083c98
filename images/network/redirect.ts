import { createServer, type Server, type Socket } from 'node:net';
import { encodeRequest } from '../../src/tunnel/request.ts';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import { splice } from '../splice.ts';
import { REDIRECT_PORT } from './messages.ts';
import { originalDestination } from './native.ts';

/** Takes the connections that the namespace opens towards the cluster, and has the proxy dial them. Not listening yet. */
export function redirectServer(tunnel: () => Tunnel | undefined): Server {
  // Paused: what the process sends waits in its socket until the peer has accepted.
  return createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {}); // 'close' follows
    const to = destinationOf(socket);
    const link = tunnel();
    if (!link || !to || (to.host === '127.0.0.1' && to.port === REDIRECT_PORT)) {
      socket.resetAndDestroy();
      return;
    }
    const stream = link.open(encodeRequest({ kind: 'tcp', ...to }));
    const cancel = () => stream.destroy();
    const refused = () => socket.resetAndDestroy();
    socket.once('close', cancel);
    stream.once('error', refused);
    stream.once('close', refused);
    stream.once('accept', () => {
      socket.off('close', cancel);
      stream.off('error', refused).off('close', refused);
      splice(socket, stream);
    });
  });
}

/** Where the connection was going; undefined when it has ended already, or came here by itself. */
function destinationOf(socket: Socket): { host: string; port: number } | undefined {
  try {
    return originalDestination(socket);
  } catch {
    return undefined; // nothing is known of it, so it is cut
  }
}
