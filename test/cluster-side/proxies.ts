import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A proxy on loopback, and whom it was asked to connect to. */
export interface TestProxy {
  port: number;
  /** `host:port` of each connection, in order. */
  seen: string[];
  /** The credentials that came with each, `user:password`. */
  logins: string[];
  close(): void;
}

/** Where a proxy really connects: names of a test's own lead to loopback. */
const placeOf = (host: string) => (host.endsWith('.test') ? '127.0.0.1' : host);

async function start(server: Server, seen: string[], logins: string[]): Promise<TestProxy> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    for (const socket of open) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, seen, logins, close };
}

function join(near: Socket, host: string, port: number, connected: () => void): void {
  const far = connect(port, placeOf(host), () => {
    connected();
    near.pipe(far).pipe(near);
  });
  far.on('error', () => near.destroy());
  near.on('close', () => far.destroy());
}

/** An HTTP proxy that only knows CONNECT. With `status` it refuses everybody. */
export function connectProxy(status?: string): Promise<TestProxy> {
  const seen: string[] = [];
  const logins: string[] = [];
  const server = createHttpServer((_request, response) => response.writeHead(405).end());
  server.on('connect', ({ url = '', headers }, socket: Socket) => {
    const { host, hostname, port } = new URL(`http://${url}`);
    seen.push(host);
    const [, login = ''] = headers['proxy-authorization']?.split(' ') ?? [];
    if (login) logins.push(Buffer.from(login, 'base64').toString());
    if (status) socket.end(`HTTP/1.1 ${status}\r\n\r\n`);
    else join(socket, hostname, Number(port), () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
  });
  return start(server, seen, logins);
}

/** A SOCKS5 proxy (RFC 1928), which asks for a password (RFC 1929) if `asks`. */
export function socksProxy(asks = false): Promise<TestProxy> {
  const seen: string[] = [];
  const logins: string[] = [];
  const server = createServer(async (socket) => {
    const next = async () => ((await once(socket, 'data')) as [Buffer])[0];
    const method = asks ? 2 : 0;
    const offered = [...(await next()).subarray(2)];
    if (!offered.includes(method)) return void socket.end(Buffer.from([5, 0xff]));
    socket.write(Buffer.from([5, method]));
    if (asks) {
      const login = await next();
      const [, length = 0] = login;
      logins.push(`${login.subarray(2, 2 + length)}:${login.subarray(3 + length)}`);
      socket.write(Buffer.from([1, 0]));
    }
    const request = await next();
    const byName = request[3] === 3;
    const length = request[4] ?? 0;
    const host = byName ? `${request.subarray(5, 5 + length)}` : request.subarray(4, 8).join('.');
    const port = request.readUInt16BE(request.length - 2);
    seen.push(`${host}:${port}`);
    join(socket, host, port, () => socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])));
  });
  return start(server, seen, logins);
}
