import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setToken } from '../../src/cluster/login.ts';
import { openPodStream } from '../../src/cluster/pod-stream.ts';
import { pingFrame } from '../../src/cluster/spdy.ts';
import { Interrupted, TpError } from '../../src/errors.ts';
import { follow, quiet, until } from '../images/sockets.ts';
import { pattern } from '../tunnel/bytes.ts';
import { ApiServer, json } from './api-server.ts';
import { type FakeNode, SpdyNode, WebSocketNode } from './port-forward-nodes.ts';

const PATH = '/api/v1/namespaces/shop/pods/tp-1/portforward';
const never = new AbortController().signal;

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<FakeNode>;

/** The ways of API servers: one that has SPDY, and one behind a proxy that only lets WebSockets through. */
const WAYS: Record<string, Upgrade> = {
  SPDY: (request, socket) => SpdyNode.upgrade(request, socket),
  'a WebSocket': (request, socket, head) => WebSocketNode.upgrade(request, socket, head),
};

let api: ApiServer;
/** The node's ends, in the order in which they were opened. */
let nodes: FakeNode[];
let asked: IncomingMessage[];

beforeEach(async () => {
  api = await ApiServer.start();
  nodes = [];
  asked = [];
});
afterEach(() => {
  for (const node of nodes) node.terminate();
  api.close();
});

/** Has the API server upgrade in this way. */
function upgradeBy(upgrade: Upgrade): void {
  api.server.removeAllListeners('upgrade');
  api.server.on('upgrade', (request, socket, head) => {
    asked.push(request);
    void upgrade(request, socket, head).then((node) => nodes.push(node));
  });
}

async function opened(cluster = api.cluster): Promise<{ stream: Duplex; node: FakeNode }> {
  const stream = await openPodStream(cluster, 'tp-1', 47_470, never);
  stream.on('error', () => {});
  await until(() => nodes.length > 0);
  return { stream, node: nodes.at(-1) as FakeNode };
}

/** What has arrived at the node. */
const received = (node: FakeNode) => () => Buffer.concat(node.received);

async function failure(promise: Promise<unknown>): Promise<TpError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof TpError, String(error));
    return error;
  }
  throw new Error('it was opened');
}

describe('the way to a port of a pod', () => {
  it('is asked for as kubectl asks, with the login', async () => {
    upgradeBy(WAYS.SPDY as Upgrade);
    const { node } = await opened();
    const [{ url, method, headers } = {} as IncomingMessage] = asked;
    assert.deepEqual([method, url], ['POST', PATH]);
    assert.equal(headers.authorization, 'Bearer secret');
    const { opened: streams } = node as SpdyNode;
    for (const type of ['error', 'data']) {
      assert.ok(streams.includes(`streamtype\0\0\0${String.fromCharCode(type.length)}${type}`), type);
    }
    assert.equal(streams.match(/port\0{3}\x0547470/g)?.length, 2);
  });

  it('is a WebSocket where SPDY is refused, which is then not asked for again', async () => {
    upgradeBy(WAYS['a WebSocket'] as Upgrade);
    const { cluster } = api;
    await opened(cluster);
    const { node } = await opened(cluster);
    assert.deepEqual(
      asked.map(({ method, url }) => `${method} ${url}`),
      [`POST ${PATH}`, `GET ${PATH}?ports=47470`, `GET ${PATH}?ports=47470`],
    );
    const { headers } = asked.at(-1) as IncomingMessage;
    assert.equal(headers.authorization, 'Bearer secret');
    assert.equal((node as WebSocketNode).socket.protocol, 'v4.channel.k8s.io');
    assert.equal(headers['sec-websocket-extensions'], undefined, 'compression would cost more than it saves');
  });

  it('is a WebSocket where a wish for SPDY is cut off', async () => {
    upgradeBy((request, socket, head) => {
      if (request.method === 'POST') socket.destroy();
      return (WAYS['a WebSocket'] as Upgrade)(request, socket, head);
    });
    const { stream, node } = await opened();
    stream.write('to the pod');
    await until(() => received(node)().length > 0);
  });

  it('answers pings of the node', async () => {
    upgradeBy(WAYS.SPDY as Upgrade);
    const { node } = await opened();
    (node as SpdyNode).socket.write(pingFrame(2));
    await until(() => (node as SpdyNode).pongs.length > 0);
    assert.deepEqual((node as SpdyNode).pongs, [2]);
  });

  it('is over when what comes is not SPDY', async () => {
    upgradeBy(WAYS.SPDY as Upgrade);
    const { stream, node } = await opened();
    const here = follow(stream);
    (node as SpdyNode).socket.write(Buffer.alloc(64, 0xff));
    await until(() => here.closed);
    assert.match(here.error ?? '', /not SPDY/);
  });
});

for (const [name, way] of Object.entries(WAYS)) {
  describe(`a stream to a port of a pod, by ${name}`, () => {
    beforeEach(() => upgradeBy(way));

    it('carries bytes both ways, without the port that comes first', async () => {
      const { stream, node } = await opened();
      const there = received(node);
      const here = follow(stream);
      stream.write('to the pod');
      node.send('from the pod');
      await until(() => here.text !== '' && there().length > 0);
      assert.equal(here.text, 'from the pod');
      assert.equal(`${there()}`, 'to the pod');
    });

    it('carries much, whole and in order', async () => {
      const { stream, node } = await opened();
      const there = received(node);
      const bytes = pattern(3_000_000);
      for (let at = 0; at < bytes.length; at += 50_000) stream.write(bytes.subarray(at, at + 50_000));
      await until(() => there().length === bytes.length);
      assert.ok(there().equals(bytes));
      const here = follow(stream);
      for (let at = 0; at < bytes.length; at += 30_000) node.send(bytes.subarray(at, at + 30_000));
      await until(() => here.text.length === bytes.length);
      assert.equal(here.text, bytes.toString('latin1'));
    });

    it('slows the pod down while nobody reads here, and loses nothing', async () => {
      const { stream, node } = await opened();
      let sent = 0;
      const total = 400;
      const push = () => {
        if (sent === total) return;
        node.send(Buffer.alloc(64 * 1024, sent++ & 255), push);
      };
      push();
      await quiet(400);
      assert.ok(sent < total, 'all of it is waiting somewhere');
      assert.ok(stream.readableLength < 2 * 1024 * 1024, `${stream.readableLength} bytes are held`);
      let length = 0;
      stream.on('data', (chunk: Buffer) => {
        length += chunk.length;
      });
      await until(() => length === total * 64 * 1024);
    });

    it('slows the writer down while the pod does not read', async () => {
      const { stream, node } = await opened();
      node.pause();
      let accepted = 0;
      const push = () => {
        while (accepted < 400 && stream.write(Buffer.alloc(64 * 1024))) accepted++;
        if (accepted < 400) stream.once('drain', push);
      };
      push();
      await quiet(400);
      assert.ok(accepted < 400, 'all of it was taken');
      node.resume();
      await until(() => accepted === 400);
    });

    it('is over when the pod’s end is, with the reason that the node gave', async () => {
      const { stream, node } = await opened();
      const here = follow(stream);
      node.fail('connection refused in the pod');
      await until(() => here.closed);
      assert.match(here.error ?? '', /connection refused in the pod/);
    });

    it('is over without an error when it was closed in good order, and closes the other end', async () => {
      const { stream, node } = await opened();
      const here = follow(stream);
      stream.end();
      await node.closed;
      await until(() => here.closed);
      assert.equal(here.error, undefined);
    });

    it('closes the other end when it is destroyed', async () => {
      const { stream, node } = await opened();
      stream.destroy();
      await node.closed;
    });
  });
}

describe('a stream that is refused', () => {
  const refuse = (status: number, message: string) => {
    for (const method of ['POST', 'GET']) {
      api.answers.set(`${method} ${PATH}`, (_request, response) =>
        json(response, status, { kind: 'Status', message }),
      );
    }
  };

  it('for want of a right says which', async () => {
    refuse(403, 'pods "tp-1" is forbidden: User "me" cannot create resource "pods/portforward"');
    const error = await failure(openPodStream(api.cluster, 'tp-1', 1, never));
    assert.equal(error.code, 'TP_FORBIDDEN');
    assert.match(error.message, /User "me" cannot create/);
    assert.match(error.hint ?? '', /get and create on pods\/portforward/);
  });

  it('for a login that has expired says so', async () => {
    refuse(401, 'Unauthorized');
    assert.equal((await failure(openPodStream(api.cluster, 'tp-1', 1, never))).code, 'TP_LOGIN_EXPIRED');
  });

  it('for a login that can be renewed is asked for once more', async () => {
    const tokens: (string | undefined)[] = [];
    api.server.on('upgrade', (request, socket: Duplex) => {
      tokens.push(request.headers.authorization);
      if (tokens.length === 1) socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n');
      else void SpdyNode.upgrade(request, socket).then((node) => nodes.push(node));
    });
    let token = 'old';
    const cluster = api.clusterWith({
      apply: async (options) => setToken(options, token),
      renew: () => {
        token = 'new';
        return true;
      },
    });
    (await openPodStream(cluster, 'tp-1', 1, never)).destroy();
    assert.deepEqual(tokens, ['Bearer old', 'Bearer new']);
  });

  it('for another reason says it', async () => {
    refuse(404, 'pods "tp-1" not found');
    const error = await failure(openPodStream(api.cluster, 'tp-1', 1, never));
    assert.equal(error.code, 'TP_PORT_FORWARD');
    assert.match(error.message, /pods "tp-1" not found/);
  });

  it('by nobody at all says so', async () => {
    const { cluster } = api;
    api.close();
    const error = await failure(openPodStream(cluster, 'tp-1', 1, never));
    assert.equal(error.code, 'TP_PORT_FORWARD');
    assert.match(error.message, /ECONNREFUSED/);
  });

  it('by the person is an interruption, not a failure', async () => {
    api.server.on('upgrade', () => {}); // never answered
    const stop = new AbortController();
    const stream = openPodStream(api.cluster, 'tp-1', 1, stop.signal);
    stream.catch(() => {});
    await quiet(20);
    const reason = new Interrupted('SIGINT');
    stop.abort(reason);
    await assert.rejects(stream, reason);
  });
});
