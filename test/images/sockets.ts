import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pattern } from '../tunnel/bytes.ts';

/** Sockets of a test, on loopback. What was opened is closed by `closeAll`, so that a failed test does not hang. */
const opened = new Set<Socket>();
const servers = new Set<{ close(): unknown }>();

export function track(socket: Socket): Socket {
  opened.add(socket);
  socket.on('error', () => {}); // a test that cares listens itself
  return socket;
}

export function closeAll(): void {
  for (const socket of opened) socket.destroy();
  for (const server of servers) server.close();
  opened.clear();
  servers.clear();
}

/** Has `server` listen on a free port. */
export async function listen(server: Server, host = '127.0.0.1', port = 0): Promise<number> {
  servers.add(server);
  server.on('connection', (socket: Socket) => void opened.add(socket));
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

/** A server whose connections are handled by `onConnection`. */
export const serve = (
  onConnection: (socket: Socket) => void,
  host?: string,
  port?: number,
): Promise<number> =>
  listen(
    createServer({ allowHalfOpen: true }, (socket) => onConnection(track(socket))),
    host,
    port,
  );

/** How an attempt to connect goes, which may be cut before one knows that it was made. */
export const attempt = (port: number, host = '127.0.0.1'): Course =>
  follow(track(connect({ port, host, allowHalfOpen: true })));

/** A connection to a port, which may be closed in each direction by itself. */
export async function dial(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = track(connect({ port, host, allowHalfOpen: true, noDelay: true }));
  await once(socket, 'connect');
  return socket;
}

/** Both ends of a connection. */
export async function socketPair(): Promise<[Socket, Socket]> {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const near = await dial(await serve(resolve));
  return [near, await promise];
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** How a connection went, at one end. */
export interface Course {
  text: string;
  ended: boolean;
  closed: boolean;
  error: string | undefined;
}

/** Reads a connection and notes how it goes. */
export function follow(socket: NodeJS.ReadableStream): Course {
  const course: Course = { text: '', ended: false, closed: false, error: undefined };
  socket.on('data', (chunk: Buffer) => {
    course.text += chunk.toString('latin1');
  });
  socket.on('end', () => {
    course.ended = true;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    course.error = error.code ?? error.message;
  });
  socket.on('close', () => {
    course.closed = true;
  });
  return course;
}

/** Has both ends of a connection say much at once, and waits until all of it has come at the other; gives how they go on. */
export async function bothSay(
  near: NodeJS.ReadWriteStream,
  far: NodeJS.ReadWriteStream,
): Promise<[Course, Course]> {
  const courses: [Course, Course] = [follow(near), follow(far)];
  const bytes = pattern(300_000);
  near.write(bytes);
  far.write(bytes);
  const text = bytes.toString('latin1');
  await until(() => courses.every((course) => course.text === text), 'what both ends said');
  return courses;
}

/** Waits until something is so. Throws when it does not become so in time. */
export async function until(condition: () => boolean, what = 'it to be so', limitMs = 5_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await sleep(2);
  }
}

/** Long enough (ms) to see that something does not happen. */
export const quiet = (ms = 40): Promise<void> => sleep(ms);
