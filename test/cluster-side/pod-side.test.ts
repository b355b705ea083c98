import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { EventFeed, serveCall } from '../../images/proxy/control.ts';
import { sessionServer } from '../../images/proxy/sessions.ts';
import { PodSide } from '../../src/cluster/pod-side.ts';
import type { ProxyPod } from '../../src/cluster/proxy-pod.ts';
import { TpError } from '../../src/errors.ts';
import type { SessionPlan } from '../../src/plan.ts';
import type { ProxyEvent } from '../../src/tunnel/control.ts';
import { TOKEN_BYTES } from '../../src/tunnel/preamble.ts';
import { decodeRequest } from '../../src/tunnel/request.ts';
import { closeAll, dial, listen, quiet, until } from '../images/sockets.ts';
import { ApiServer } from './api-server.ts';
import { SpdyNode } from './port-forward-nodes.ts';

/** Tries before the pod is said to run, and ms between them, as documented. */
const EARLY_TRIES = 20;
const PAUSE_MS = 100;

/** How long one that is not said to run is left alone (ms). */
const FIRST_TRY_MS = 400;

let api: ApiServer;
/** The pods that were connected to, in turn; in vain, unless a test says otherwise. */
let tried: string[];
/** Those that a straight way was wanted to. */
let straight: string[];
let forward: (request: IncomingMessage, socket: Duplex) => void;
let abort: AbortController;

beforeEach(async () => {
  api = await ApiServer.start();
  [tried, straight] = [[], []];
  forward = refuse;
  abort = new AbortController();
  api.server.on('upgrade', (request, socket) => {
    const [, name = '', way] = /\/pods\/([^/:]+)[^/]*\/(\w+)/.exec(request.url ?? '') ?? [];
    (way === 'proxy' ? straight : tried).push(name);
    if (way === 'proxy') refuse(request, socket);
    else forward(request, socket);
  });
});
afterEach(() => {
  abort.abort();
  api.close();
  closeAll();
});

const refuse = (_request: IncomingMessage, socket: Duplex) =>
  void socket.end('HTTP/1.1 500 no\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');

const pod = (name: string): ProxyPod => ({ name, uid: name, spec: undefined });

/** Connects to `tp-1`, which starts; `runs` tells how it goes on. */
function connect() {
  const ports = { tunnelPort: 47_470, healthPort: 47_471 };
  const plan = { session: 'abc', ...ports, container: 'app', objects: {} } as SessionPlan;
  const options = { cluster: api.cluster, plan, token: Buffer.alloc(TOKEN_BYTES), signal: abort.signal };
  const runs = Promise.withResolvers<ProxyPod>();
  const side = new PodSide(options, pod('tp-1'));
  const connected = side.connect(runs.promise);
  connected.catch(() => {}); // a test that cares awaits it
  return { runs, connected, side };
}

/** A proxy that answers the CLI, and tells it what `events` are told, behind a port-forward. */
async function proxy(events = new EventFeed()): Promise<typeof forward> {
  const port = await listen(
    sessionServer({
      tokenSha256: createHash('sha256').update(Buffer.alloc(TOKEN_BYTES)).digest('hex'),
      onToken: () => {},
      onStream(_role, stream, request) {
        if (decodeRequest(request).kind === 'events') return events.add(stream);
        const view = { environment: {}, addresses: [], fallback: undefined };
        serveCall(stream, { ...view, onPhase: () => {}, onServe: async () => {} });
      },
      onAgent: () => {},
      onLink: () => {},
      resumable: () => false,
      resumeLimitMs: 1,
    }),
  );
  return (request, socket) =>
    void SpdyNode.upgrade(request, socket).then(async (node) => {
      const there = await dial(port);
      there.on('data', (bytes: Buffer) => node.send(bytes));
      const pump = setInterval(() => node.received.splice(0).forEach((bytes) => void there.write(bytes)), 1);
      node.closed.then(() => clearInterval(pump));
    });
}

describe('the straight way to a pod', () => {
  it('is not asked for before the cluster has told the pod’s address', async () => {
    const { runs, side } = connect();
    const wanted = side.streams.openStraight(abort.signal);
    await quiet();
    assert.deepEqual(straight, []);
    runs.resolve(pod('tp-2'));
    await assert.rejects(wanted);
    assert.deepEqual(straight, ['tp-2']);
  });

  it('does not lead to another pod than the one that is connected to', async () => {
    forward = await proxy();
    const { runs, connected, side } = connect();
    await connected;
    runs.resolve(pod('tp-2'));
    await assert.rejects(side.streams.openStraight(abort.signal), { message: 'another pod runs' });
    assert.deepEqual([side.pod.name, straight], ['tp-1', []]);
  });
});

describe('a pod that ends', () => {
  it('is known by what its proxy says last, which nobody else has to hear', async () => {
    const events = new EventFeed();
    forward = await proxy(events);
    const { runs, connected, side } = connect();
    runs.resolve(pod('tp-2'));
    await connected;
    const heard: ProxyEvent[] = [];
    side.watch({ onLost: () => {}, onEvent: (event) => heard.push(event) });
    await side.setPhase('leaving'); // the events are asked for before
    events.tell({ event: 'warning', message: 'slow' });
    events.tell({ event: 'departed' });
    assert.equal(await side.departed, 'tp-2');
    assert.deepEqual(heard, [{ event: 'warning', message: 'slow' }]);
    side.close();
  });
});

describe('a pod that starts', () => {
  it('is connected to before it is said to run; where it will not, that is why', async () => {
    const { runs, connected } = connect();
    await until(() => tried.length >= 2);
    runs.reject(new TpError('TP_PROXY_PULL', 'no such image'));
    await assert.rejects(connected, { message: 'no such image' });
  });

  it('is not tried before it can listen, but at once where it runs', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      connect();
      const { runs } = connect();
      await immediate();
      assert.equal(tried.length, 0);
      runs.resolve(pod('tp-2'));
      await once(api.server, 'upgrade');
      assert.deepEqual(tried, ['tp-2']);
      mock.timers.tick(FIRST_TRY_MS);
      while (!tried.includes('tp-1')) await once(api.server, 'upgrade');
    } finally {
      mock.timers.reset();
    }
  });

  it('may be another one by the time that it runs', async () => {
    const { runs } = connect();
    await until(() => tried.length >= 1);
    runs.resolve(pod('tp-2'));
    await until(() => tried.at(-1) === 'tp-2');
  });

  it('is left in peace where that takes long, until it runs', async () => {
    const { runs } = connect();
    await until(() => tried.length === EARLY_TRIES, 'the early tries', 2 * EARLY_TRIES * PAUSE_MS);
    await quiet(3 * PAUSE_MS);
    assert.equal(tried.length, EARLY_TRIES);
    runs.resolve(pod('tp-1'));
    await until(() => tried.length > EARLY_TRIES);
  });
});

describe('whether the pod is ready', () => {
  /** So long it counts (ms), as documented. */
  const READY_FOR_MS = 3_000;
  let looks: number;
  let state: object;
  let side: PodSide;
  let runs: PromiseWithResolvers<ProxyPod>;

  beforeEach(() => {
    looks = 0;
    state = { running: {} };
    api.answers.set('GET /api/v1/namespaces/shop/pods', (_request, response) => {
      looks++;
      const conditions = [{ type: 'Ready', status: 'True' }];
      const status = { podIP: '10.0.0.1', conditions, containerStatuses: [{ name: 'app', state }] };
      const object = { metadata: { name: 'tp-1', uid: 'tp-1' }, status };
      response.writeHead(200).write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
    });
    ({ side, runs } = connect());
  });
  afterEach(() => mock.reset());

  it('is looked at once for all that ask in one moment, and anew after a while', async () => {
    await Promise.all([side.readiness.wait(), side.readiness.wait()]);
    await side.readiness.wait();
    assert.equal(looks, 1);
    const now = performance.now();
    mock.method(performance, 'now', () => now + READY_FOR_MS);
    await side.readiness.wait();
    assert.equal(looks, 2);
  });

  it('is looked at anew where that failed', async () => {
    state = { waiting: { reason: 'CrashLoopBackOff' } };
    await assert.rejects(side.readiness.wait(), { code: 'TP_PROXY_FAILED' });
    state = { running: {} };
    await side.readiness.wait();
    assert.equal(looks, 2);
  });

  it('is not known of another one that takes its place', async () => {
    await side.readiness.wait();
    runs.resolve(pod('tp-2'));
    await until(() => side.pod.name === 'tp-2');
    await side.readiness.wait();
    assert.equal(looks, 2);
  });
});
