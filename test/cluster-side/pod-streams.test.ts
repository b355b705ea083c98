import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { PodStreams } from '../../src/cluster/pod-streams.ts';
import type { SessionPlan } from '../../src/plan.ts';
import { TOKEN_BYTES } from '../../src/tunnel/preamble.ts';
import { until } from '../images/sockets.ts';
import { ApiServer } from './api-server.ts';
import { SpdyNode } from './port-forward-nodes.ts';

/** A prepared stream is used for this long (ms), as documented. */
const PREPARED_MS = 1_500;

let api: ApiServer;
let abort: AbortController;
/** The pods that were connected to, in turn. */
let asked: string[];
/** Those whose connection is over. */
let closed: string[];
let sockets: Duplex[];
let pod: string;
let refused: boolean;
let streams: PodStreams;

beforeEach(async () => {
  api = await ApiServer.start();
  abort = new AbortController();
  [asked, closed, sockets, pod, refused] = [[], [], [], 'tp-1', false];
  api.server.on('upgrade', (request, socket: Duplex) => {
    asked.push(/\/pods\/([^/]+)/.exec(request.url ?? '')?.[1] ?? '');
    if (refused) socket.end('HTTP/1.1 500 no\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    else {
      const [to, over] = [pod, closed];
      void new Promise((resolve) => socket.once('end', resolve).once('close', resolve)).then(() =>
        over.push(to),
      );
      sockets.push(socket);
      void SpdyNode.upgrade(request, socket);
    }
  });
  streams = new PodStreams({
    cluster: api.cluster,
    plan: { tunnelPort: 47_470, healthPort: 47_471 } as SessionPlan,
    token: Buffer.alloc(TOKEN_BYTES),
    pod: () => ({ name: pod, uid: pod, spec: undefined }),
    addressed: async () => {},
  });
});
afterEach(() => {
  mock.reset();
  streams.cut();
  abort.abort();
  for (const socket of sockets) socket.destroy();
  api.close();
});

const open = () => streams.open(abort.signal);

describe('a stream that was prepared', () => {
  it('is the one that the next link takes, and only that', async () => {
    streams.prepare(abort.signal);
    const first = await open();
    assert.deepEqual(asked, ['tp-1']);
    assert.notEqual(await open(), first);
    assert.deepEqual(asked, ['tp-1', 'tp-1']);
  });

  it('is not used where it failed, and that is told to nobody', async () => {
    refused = true;
    streams.prepare(abort.signal);
    await until(() => asked.length === 1);
    refused = false;
    await open();
    assert.deepEqual(asked, ['tp-1', 'tp-1']);
  });

  it('is closed where all are cut before it is there', async () => {
    streams.prepare(abort.signal);
    streams.cut();
    await until(() => closed.length === 1);
  });

  it('is not used where it was cut', async () => {
    streams.prepare(abort.signal);
    await until(() => {
      streams.cut();
      return closed.length === 1;
    });
    const other = await open();
    assert.equal(other.destroyed, false);
    assert.deepEqual(asked, ['tp-1', 'tp-1']);
  });

  it('is not used for a pod that took the place of its own, and is closed', async () => {
    streams.prepare(abort.signal);
    await until(() => asked.length === 1);
    pod = 'tp-2';
    await open();
    assert.deepEqual(asked, ['tp-1', 'tp-2']);
    await until(() => closed.length === 1);
    assert.deepEqual(closed, ['tp-1']);
  });

  it('is not used when the proxy may have given it up, and is closed', async () => {
    const now = performance.now();
    streams.prepare(abort.signal);
    mock.method(performance, 'now', () => now + PREPARED_MS + 100);
    await open();
    assert.deepEqual(asked, ['tp-1', 'tp-1']);
    await until(() => closed.length === 1);
  });
});
