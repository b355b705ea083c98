import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { PodSide } from '../../src/cluster/pod-side.ts';
import type { ProxyPod } from '../../src/cluster/proxy-pod.ts';
import { TpError } from '../../src/errors.ts';
import type { SessionPlan } from '../../src/plan.ts';
import { TOKEN_BYTES } from '../../src/tunnel/preamble.ts';
import { quiet, until } from '../images/sockets.ts';
import { ApiServer } from './api-server.ts';

/** Tries before the pod is said to run, and ms between them, as documented. */
const EARLY_TRIES = 20;
const PAUSE_MS = 100;

/** How long one that is not said to run is left alone (ms). */
const FIRST_TRY_MS = 400;

let api: ApiServer;
/** The pods that were connected to, in vain, in turn. */
let tried: string[];
let abort: AbortController;

beforeEach(async () => {
  api = await ApiServer.start();
  tried = [];
  abort = new AbortController();
  api.server.on('upgrade', (request, socket) => {
    tried.push(/\/pods\/([^/]+)\//.exec(request.url ?? '')?.[1] ?? '');
    socket.end('HTTP/1.1 500 no\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  });
});
afterEach(() => {
  abort.abort();
  api.close();
});

const pod = (name: string): ProxyPod => ({ name, uid: name, spec: undefined });

/** Connects to `tp-1`, which starts; `runs` tells how it goes on. */
function connect() {
  const plan = { session: 'abc', tunnelPort: 47_470, container: 'app' } as SessionPlan;
  const options = { cluster: api.cluster, plan, token: Buffer.alloc(TOKEN_BYTES), signal: abort.signal };
  const runs = Promise.withResolvers<ProxyPod>();
  const connected = new PodSide(options, pod('tp-1')).connect(runs.promise);
  connected.catch(() => {}); // a test that cares awaits it
  return { runs, connected };
}

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
