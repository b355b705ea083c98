import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { TLSSocket } from 'node:tls';
import { StraightLinks } from '../../images/proxy/straight-links.ts';
import { openStraightStream } from '../../src/cluster/straight-stream.ts';
import { TOKEN_BYTES } from '../../src/tunnel/preamble.ts';
import { straightKey } from '../../src/tunnel/straight.ts';
import { bothSay, closeAll, follow, listen, track, until } from '../images/sockets.ts';
import { ApiServer } from './api-server.ts';
import { CERTIFICATE, KEY } from './certificate.ts';

const TOKEN = randomBytes(TOKEN_BYTES);
const TARGET = { pod: 'tp-1', port: 27_471, key: straightKey(TOKEN) };
const PATH = '/api/v1/namespaces/shop/pods/tp-1:27471/proxy/';
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tplink\r\n\r\n';

const never = new AbortController().signal;

/** What the API server does with an upgrade. */
type Way = (request: IncomingMessage, socket: Socket) => void;

let server: ApiServer;
let api: { upgrade: Way };
let asked: IncomingMessage[];
/** The API server's ends of connections. */
let sockets: Socket[];
/** The pod's ends of straight links. */
let pods: Socket[];
let streams: Duplex[];
let podPort: number;

/** As the API server does: it asks the pod the same, and passes on all that comes. */
const toPod =
  (port: number, { end = true } = {}): Way =>
  ({ url, headers }, socket) => {
    const pod = track(connect(port, '127.0.0.1'));
    const { upgrade, connection } = headers;
    pod.write(`GET ${url} HTTP/1.1\r\nHost: pod\r\nConnection: ${connection}\r\nUpgrade: ${upgrade}\r\n\r\n`);
    pod.pipe(socket, { end }).pipe(pod);
    if (end) pod.on('close', () => socket.destroy());
    socket.on('close', () => pod.destroy());
  };

const answers =
  (status: string): Way =>
  (_request, socket) =>
    void socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);

beforeEach(async () => {
  [asked, sockets, streams] = [[], [], []];
  const given: Socket[] = [];
  pods = given;
  const links = new StraightLinks();
  links.learn(TOKEN);
  const pod = createHttpServer();
  links.serve(
    pod,
    createServer((link) => void given.push(link)),
  );
  podPort = await listen(pod);
  api = { upgrade: toPod(podPort) };
  server = await ApiServer.start();
  server.server.on('upgrade', (request, socket: Socket) => {
    asked.push(request);
    sockets.push(track(socket));
    socket.resume().on('end', () => socket.destroy());
    api.upgrade(request, socket);
  });
});
afterEach(() => {
  // What is within TLS first: Node 24 crashes when that is destroyed just after what it is in.
  for (const end of [...streams, ...pods]) end.destroy();
  server.close();
  closeAll();
});

async function open(signal = never): Promise<Duplex> {
  const stream = await openStraightStream(server.cluster, TARGET, signal);
  streams.push(stream.on('error', () => {}));
  return stream;
}

describe('the straight way to the pod', () => {
  it('is asked for with the login, and carries bytes both ways', async () => {
    const stream = await open();
    assert.equal(asked.length, 1);
    assert.deepEqual([asked[0]?.method, asked[0]?.url], ['GET', PATH]);
    assert.equal(asked[0]?.headers.authorization, 'Bearer secret');
    await until(() => pods.length === 1);
    await bothSay(stream, pods[0] as Socket);
  });

  it('is over when the pod’s end is, with what was said last, whatever is between', async () => {
    api.upgrade = (request, socket) => toPod(podPort, { end: false })(request, socket);
    const stream = await open();
    const course = follow(stream);
    await until(() => pods.length === 1);
    stream.write(Buffer.alloc(64 * 1024 * 1024)); // which nobody reads
    pods[0]?.end('last words');
    await until(() => course.closed);
    assert.equal(course.text, 'last words');
  });

  for (const [why, way] of Object.entries({
    'the login may not': answers('403 Forbidden'),
    'the pod cannot be reached from there': answers('503 Service Unavailable'),
    'what is between does not let it through': (_request, socket) => void socket.destroy(),
    'the other end has another key': (_request, socket) =>
      stranger(socket, { pskCallback: () => randomBytes(32) }),
    'the other end has a certificate instead': (_request, socket) =>
      stranger(socket, { cert: CERTIFICATE, key: KEY }),
    'the other end speaks first': (_request, socket) => void socket.write(`${SWITCHING}and more`),
  } satisfies Record<string, Way>)) {
    it(`is not there where ${why}, and nothing stays open`, async () => {
      api.upgrade = way;
      // Whoever has this for a proxy that looks into TLS trusts every certificate by it.
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
      await assert.rejects(open()).finally(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
      await until(() => sockets.length === 1 && sockets.every(({ destroyed }) => destroyed));
    });
  }

  for (const upgrades of [false, true]) {
    it(`is no longer waited for when nobody wants it, ${upgrades ? 'within TLS' : 'before the answer'}`, async () => {
      const stop = new AbortController();
      const enough = () => stop.abort(new Error('enough'));
      api.upgrade = (_request, socket) => {
        if (!upgrades) return enough();
        socket.write(SWITCHING);
        socket.once('data', enough);
      };
      await assert.rejects(open(stop.signal), { message: 'enough' });
      await until(() => sockets.every(({ destroyed }) => destroyed));
    });
  }
});

/** Somebody else's TLS where the pod's is expected. */
function stranger(
  socket: Socket,
  options: { pskCallback?: () => Buffer; cert?: string; key?: string },
): void {
  socket.write(SWITCHING);
  const secure = new TLSSocket(socket, { isServer: true, ...options } as never);
  secure.on('error', () => {});
  secure.on('end', () => secure.destroy()).resume();
}
