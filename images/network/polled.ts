import { Socket } from 'node:net';
import { AF_UNIX, checked, close, dup2, SOCK_STREAM_NONBLOCK, socketpair } from './libc.ts';

/**
 * Reads an open `descriptor`, each time up to `bytes`, whenever there is something; `onRead` gets bytes of its own.
 * Node only polls what it knows as a socket, so the descriptor takes the place of one end of a socket pair.
 * Throws Error where the kernel has no more descriptors.
 */
export function poll(descriptor: number, bytes: number, onRead: (read: Buffer) => void): Socket {
  const pair = [0, 0];
  checked(socketpair(AF_UNIX, SOCK_STREAM_NONBLOCK, 0, pair), 'socketpair');
  const [reader = -1, other = -1] = pair;
  const socket = new Socket({
    fd: reader,
    manualStart: true,
    onread: {
      buffer: Buffer.allocUnsafe(bytes),
      callback(count, buffer) {
        onRead(Buffer.from((buffer as Buffer).subarray(0, count)));
        return true;
      },
    },
  } as ConstructorParameters<typeof Socket>[0]);
  checked(dup2(descriptor, reader), 'dup2');
  checked(close(other), 'close');
  socket.resume();
  return socket;
}
