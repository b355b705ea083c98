import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { setToken } from '../../src/cluster/login.ts';
import { openPodStream } from '../../src/cluster/pod-stream.ts';
import { Interrupted, TpError } from '../../src/errors.ts';
import { follow, quiet, until } from '../images/sockets.ts';
import { pattern } from '../tunnel/bytes.ts';
import { ApiServer, json } from './api-server.ts';

const PATH = '/api/v1/namespaces/shop/pods/tp-1/portforward';
const never = new AbortController().signal;

let api: ApiServer;
let sockets: WebSocketServer;
/** The node's ends, in the order in which they were opened. */
let nodes: WebSocket[];

beforeEach(async () => {
  api = await ApiServer.start();
  nodes = [];
  sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
  api.server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (node) => {
      nodes.push(node);
      // As the kubelet does: the first message of each channel repeats the port.
      for (const channel of [0, 1]) node.send(Buffer.from([channel, 0x6e, 0xb9]));
    });
  });
});
afterEach(() => {
  for (const node of nodes) node.terminate();
  api.close();
});

async function opened(): Promise<{ stream: Duplex; node: WebSocket }> {
  const stream = await openPodStream(api.cluster, 'tp-1', 47_470, never);
  stream.on('error', () => {});
  await until(() => nodes.length > 0);
  return { stream, node: nodes.at(-1) as WebSocket };
}

const data = (bytes: Buffer | string) => Buffer.concat([Buffer.from([0]), Buffer.from(bytes as string)]);

/** What arrives at the node, without the channel's byte. */
function received(node: WebSocket): () => Buffer {
  const parts: Buffer[] = [];
  node.on('message', (message: Buffer) => {
    assert.equal(message[0], 0, 'on the channel for data');
    parts.push(message.subarray(1));
  });
  return () => Buffer.concat(parts);
}

async function failure(promise: Promise<unknown>): Promise<TpError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof TpError, String(error));
    return error;
  }
  throw new Error('it was opened');
}

describe('a stream to a port of a pod', () => {
  it('is asked for as kubectl asks, with the login', async () => {
    const upgrade = once(api.server, 'upgrade');
    const { node } = await opened();
    const [request] = (await upgrade) as [{ url: string; headers: Record<string, string> }];
    assert.equal(request.url, `${PATH}?ports=47470`);
    assert.equal(request.headers.authorization, 'Bearer secret');
    assert.equal(node.protocol, 'v4.channel.k8s.io');
    assert.equal(
      request.headers['sec-websocket-extensions'],
      undefined,
      'compression would cost more than it saves',
    );
  });

  it('carries bytes both ways, without the port that comes first', async () => {
    const { stream, node } = await opened();
    const there = received(node);
    const here = follow(stream);
    stream.write('to the pod');
    node.send(data('from the pod'));
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
    for (let at = 0; at < bytes.length; at += 30_000) node.send(data(bytes.subarray(at, at + 30_000)));
    await until(() => here.text.length === bytes.length);
    assert.equal(here.text, bytes.toString('latin1'));
  });

  it('slows the pod down while nobody reads here, and loses nothing', async () => {
    const { stream, node } = await opened();
    let sent = 0;
    const total = 400;
    const push = () => {
      if (sent === total) return;
      node.send(data(Buffer.alloc(64 * 1024, sent++ & 255)), push);
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
    node.send(Buffer.concat([Buffer.from([1]), Buffer.from('connection refused in the pod')]));
    node.close();
    await until(() => here.closed);
    assert.match(here.error ?? '', /connection refused in the pod/);
  });

  it('is over without an error when it was closed in good order, and closes the other end', async () => {
    const { stream, node } = await opened();
    const here = follow(stream);
    const closed = once(node, 'close');
    stream.end();
    await closed;
    await until(() => here.closed);
    assert.equal(here.error, undefined);
  });

  it('closes the other end when it is destroyed', async () => {
    const { stream, node } = await opened();
    const closed = once(node, 'close');
    stream.destroy();
    await closed;
  });
});

describe('a stream that is refused', () => {
  const refuse = (status: number, message: string) => {
    api.server.removeAllListeners('upgrade');
    api.answers.set(`GET ${PATH}`, (_request, response) =>
      json(response, status, { kind: 'Status', message }),
    );
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
    const upgrade = api.server.listeners('upgrade')[0] as (...all: unknown[]) => void;
    const tokens: (string | undefined)[] = [];
    api.server.removeAllListeners('upgrade');
    api.server.on('upgrade', (request, socket: Duplex, head) => {
      tokens.push(request.headers.authorization);
      if (tokens.length === 1) socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n');
      else upgrade(request, socket, head);
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
    api.server.removeAllListeners('upgrade');
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
