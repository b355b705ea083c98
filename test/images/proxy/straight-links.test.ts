import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, get, request } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { StraightLinks } from '../../../images/proxy/straight-links.ts';
import { TOKEN_BYTES } from '../../../src/tunnel/preamble.ts';
import { KEY_IDENTITY, STRAIGHT_PROTOCOL, STRAIGHT_TLS, straightKey } from '../../../src/tunnel/straight.ts';
import { pattern } from '../../tunnel/bytes.ts';
import { closeAll, follow, listen, track, until } from '../sockets.ts';

const TOKEN = randomBytes(TOKEN_BYTES);
const MAX_STRAIGHT = 16;

/** Short, so that a test sees it pass (ms). */
const HANDSHAKE_LIMIT_MS = 150;

let straight: StraightLinks;
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
  const server = createHttpServer((_request, response) => response.writeHead(204).end());
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
    const there = links[0] as Socket;
    const [near, far] = [follow(link), follow(there)];
    const bytes = pattern(300_000).toString('latin1');
    link.write(bytes, 'latin1');
    there.write(bytes, 'latin1');
    await until(() => near.text === bytes && far.text === bytes);
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

  it('is one of few, and makes room when it closes', async () => {
    straight.learn(TOKEN);
    const key = straightKey(TOKEN);
    const open: TLSSocket[] = [];
    for (let index = 0; index < MAX_STRAIGHT; index++) {
      const link = secure(await upgraded(), key);
      await once(link, 'secureConnect');
      open.push(link);
    }
    assert.equal(await upgraded(), undefined);
    open[0]?.destroy();
    await until(() => links.some((link) => link.destroyed));
    await once(secure(await upgraded(), key), 'secureConnect');
  });

  it('changes nothing for the kubelet’s probe', async () => {
    straight.learn(TOKEN);
    const [response] = await once(get({ port, host: '127.0.0.1', agent: false }), 'response');
    assert.equal(response.statusCode, 204);
  });
});
