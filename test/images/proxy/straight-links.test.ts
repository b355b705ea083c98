import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, get, request, type Server } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { StraightLinks } from '../../../images/proxy/straight-links.ts';
import { TOKEN_BYTES } from '../../../src/tunnel/preamble.ts';
import { KEY_IDENTITY, STRAIGHT_PROTOCOL, STRAIGHT_TLS, straightKey } from '../../../src/tunnel/straight.ts';
import { bothSay, closeAll, dial, follow, listen, track, until } from '../sockets.ts';

const TOKEN = randomBytes(TOKEN_BYTES);
const MAX_UNKNOWN = 16;

/** Short, so that a test sees it pass (ms). */
const HANDSHAKE_LIMIT_MS = 500;

let straight: StraightLinks;
let server: Server;
let port: number;
/** What the proxy was given as links. */
let links: Socket[];
/** Both ends of TLS. */
let ends: Socket[];

beforeEach(async () => {
  straight = new StraightLinks(HANDSHAKE_LIMIT_MS);
  const given: Socket[] = [];
  links = given;
  ends = [];
  server = createHttpServer((_request, response) => response.writeHead(204).end());
  straight.serve(
    server,
    createServer((link) => {
      given.push(link);
      ends.push(link);
    }),
  );
  port = await listen(server);
});
afterEach(() => {
  // Before what they are in: Node 24 crashes when that has been destroyed just before.
  for (const end of ends) end.destroy();
  closeAll();
});

/** The connection that was upgraded, or undefined where it was closed instead. */
async function upgraded(protocol = STRAIGHT_PROTOCOL): Promise<Socket | undefined> {
  const asked = request({ port, host: '127.0.0.1', headers: { Connection: 'Upgrade', Upgrade: protocol } });
  const answer = new Promise<Socket | undefined>((resolve) => {
    asked.on('upgrade', (_response, socket) => resolve(socket as Socket));
    asked.on('error', () => resolve(undefined));
  });
  asked.end();
  return await answer;
}

/** Begins TLS with a key on an upgraded connection. */
function secure(socket: Socket | undefined, psk: Buffer): TLSSocket {
  assert.ok(socket, 'it was upgraded');
  const link = connect({ ...STRAIGHT_TLS, socket, pskCallback: () => ({ identity: KEY_IDENTITY, psk }) });
  ends.push(link.on('error', () => {}));
  return link;
}

describe('a connection to the pod’s address', () => {
  it('is a link when it has the key that the token gives', async () => {
    straight.learn(TOKEN);
    const link = secure(await upgraded(), straightKey(TOKEN));
    await once(link, 'secureConnect');
    await until(() => links.length === 1);
    const [near, far] = await bothSay(link, links[0] as Socket);
    link.end();
    await until(() => far.closed && near.closed);
    assert.deepEqual([far.error, near.error], [undefined, undefined]);
  });

  it('is refused with another key', async () => {
    straight.learn(TOKEN);
    const link = secure(await upgraded(), randomBytes(32));
    const course = follow(link);
    await until(() => course.closed);
    assert.ok(course.error);
    assert.deepEqual(links, []);
  });

  it('is refused without a key, also where it would take any certificate', async () => {
    straight.learn(TOKEN);
    const socket = await upgraded();
    assert.ok(socket);
    const link = connect({ socket, rejectUnauthorized: false });
    ends.push(link);
    const course = follow(link);
    await until(() => course.closed);
    assert.ok(course.error);
    assert.deepEqual(links, []);
  });

  it('is refused until the token was shown on a link that the pod’s loopback led to', async () => {
    assert.equal(await upgraded(), undefined);
    straight.learn(TOKEN);
    await once(secure(await upgraded(), straightKey(TOKEN)), 'secureConnect');
  });

  it('is refused when it asks for something else', async () => {
    straight.learn(TOKEN);
    assert.equal(await upgraded('websocket'), undefined);
  });

  it('keeps the key of the first token', async () => {
    straight.learn(TOKEN);
    straight.learn(randomBytes(TOKEN_BYTES));
    await once(secure(await upgraded(), straightKey(TOKEN)), 'secureConnect');
  });

  it('is closed when it does not show the key in time', async () => {
    straight.learn(TOKEN);
    const course = follow(track((await upgraded()) as Socket));
    await until(() => course.closed);
    assert.deepEqual(links, []);
  });

  it('is one of few, of those without the key, and makes room when it closes', async () => {
    straight.learn(TOKEN);
    const key = straightKey(TOKEN);
    await once(secure(await upgraded(), key), 'secureConnect');
    await until(() => links.length === 1);
    const unknown: Socket[] = [];
    for (let index = 0; index < MAX_UNKNOWN; index++) unknown.push(track((await upgraded()) as Socket));
    assert.equal(await upgraded(), undefined);
    unknown[0]?.end();
    unknown[1]?.resetAndDestroy();
    const open = () => new Promise<number>((resolve) => server.getConnections((_error, n) => resolve(n)));
    while ((await open()) > MAX_UNKNOWN - 1) await turn();
    for (let index = 0; index < 2; index++) await once(secure(await upgraded(), key), 'secureConnect');
  });

  it('is refused when it says something before it was upgraded', async () => {
    straight.learn(TOKEN);
    const socket = await dial(port);
    socket.write(
      `GET / HTTP/1.1\r\nHost: pod\r\nConnection: Upgrade\r\nUpgrade: ${STRAIGHT_PROTOCOL}\r\n\r\nand more`,
    );
    const course = follow(socket);
    await until(() => course.ended || course.closed);
    assert.equal(course.text, '');
  });

  it('changes nothing for the kubelet’s probe', async () => {
    straight.learn(TOKEN);
    const [response] = await once(get({ port, host: '127.0.0.1', agent: false }), 'response');
    assert.equal(response.statusCode, 204);
  });
});
