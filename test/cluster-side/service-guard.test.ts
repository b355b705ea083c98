import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Service } from '@kubernetes/client-node';
import { ServiceGuard } from '../../src/cluster/service-guard.ts';
import { TpError } from '../../src/errors.ts';
import type { SessionPlan } from '../../src/plan.ts';
import { until } from '../images/sockets.ts';
import { FakeCluster } from './fake-cluster.ts';

let fake: FakeCluster;
let guard: ServiceGuard;
let held: Set<string>;
let said: string[];
let failed: unknown[];
let served: number[][];
let serve: () => Promise<void>;

const LABELS = { app: 'shop', tier: 'web' };
const service = (
  name: string,
  selector: Record<string, string>,
  port: number | string = 8080,
): V1Service => ({
  metadata: { name, resourceVersion: '1' },
  spec: { selector, ports: [{ port: 80, targetPort: port }] },
});

/** Puts the Service into the cluster and tells the guard. */
function becomes(changed: V1Service): void {
  fake.services.add(changed);
  guard.look(changed, false);
}

beforeEach(() => {
  fake = new FakeCluster();
  fake.configMaps.add({ metadata: { name: 'tp-abc', labels: { 'tp/session': 'abc' } } });
  [held, said, failed, served] = [new Set(['shop']), [], [], []];
  serve = async () => {};
  const containers = [{ name: 'web', ports: [{ name: 'admin', containerPort: 9000 }] }];
  const plan = {
    session: 'abc',
    container: 'web',
    ports: [{ pod: 8080, process: 8080 }],
    objects: { deployment: { spec: { template: { metadata: { labels: LABELS }, spec: { containers } } } } },
  } as unknown as SessionPlan;
  guard = new ServiceGuard({
    plan,
    cluster: fake.cluster,
    holds: (name) => held.has(name),
    serve: async (ports) => {
      served.push(ports);
      await serve();
    },
    say: (line) => void said.push(line),
    warn: (line) => void said.push(line),
    onFailed: (error) => void failed.push(error),
  });
});
afterEach(() => guard.stop());

const failure = () => (failed[0] instanceof TpError ? `${failed[0].code}: ${failed[0].message}` : failed[0]);

describe('a Service that the session holds', () => {
  it('is taken again when someone puts its selector back', async () => {
    becomes(service('shop', { app: 'shop' }));
    await until(() => said.length === 1);
    assert.deepEqual(fake.selector('shop'), { app: 'shop', 'tp/session': 'abc' });
    assert.deepEqual(said, ['Service shop was put back by someone else: it leads to this laptop again']);
  });

  it('is not raced for with a controller: each time it takes longer, and that is said', async () => {
    const times: number[] = [];
    for (let count = 1; count <= 3; count++) {
      const began = performance.now();
      becomes(service('shop', { app: 'shop' }));
      await until(() => said.length === count);
      times.push(performance.now() - began);
    }
    assert.ok(times[2] !== undefined && times[2] >= 990, `${times}`);
    assert.match(said[2] ?? '', /is there a controller/);
  });

  it('is taken again when it was deleted and is made again', async () => {
    guard.look(service('shop', { app: 'shop' }), true);
    await until(() => said.length === 1); // once it is known that the namespace stays
    assert.match(said[0] ?? '', /Service shop was deleted/);
    becomes(service('shop', { app: 'shop' }));
    await until(() => said.length === 2);
    assert.match(said[1] ?? '', /was made again: it leads to this laptop again/);
  });

  it('is left to the session that took it over, and this one ends', async () => {
    const owner = JSON.stringify({ user: 'ana', host: 'desk', machine: 'x', pid: 1, started: '' });
    fake.configMaps.add({
      metadata: { name: 'tp-def', labels: { 'tp/session': 'def' }, annotations: { 'tp/owner': owner } },
    });
    becomes(service('shop', { app: 'shop', 'tp/session': 'def' }));
    await until(() => failed.length === 1);
    assert.equal(failure(), 'TP_EVICTED: ana@desk took Service shop over, in session def');
    assert.equal(fake.selector('shop')['tp/session'], 'def');
  });

  it('is not lost by old news: what counts is how it is now', async () => {
    fake.services.add(service('shop', { app: 'shop', 'tp/session': 'abc' }));
    guard.look(service('shop', { app: 'shop', 'tp/session': 'def' }), false);
    await until(() => fake.requests.includes('read service shop'));
    await sleep(20);
    assert.deepEqual(failed, []);
  });

  it('is not taken again once somebody ends the session: nobody would answer there', async () => {
    fake.configMaps.items.clear();
    becomes(service('shop', { app: 'shop' }));
    await until(() => failed.length === 1);
    assert.equal(failure(), 'TP_SESSION_GONE: session abc was ended by someone else');
    assert.deepEqual(fake.selector('shop'), { app: 'shop' });
  });

  for (const [how, selector] of [
    ['keeps our key', { app: 'green', 'tp/session': 'abc' }],
    ['loses our key', { app: 'green' }],
  ] as const) {
    it(`is given up when its selector is led to other pods and ${how}: with our key it would lead nowhere`, async () => {
      becomes(service('shop', selector));
      await until(() => !('tp/session' in fake.selector('shop')) && said.length === 1);
      assert.deepEqual(fake.selector('shop'), { app: 'green' });
      assert.match(said[0] ?? '', /selects other pods now/);
      becomes(service('shop', { app: 'green' }));
      await sleep(300);
      assert.deepEqual(fake.selector('shop'), { app: 'green' }, 'it is not taken again');
      assert.deepEqual(failed, []);
    });
  }

  it('is not taken with a selector that somebody changed in the same moment', async () => {
    guard.look(service('shop', { app: 'shop' }), false);
    fake.services.add(service('shop', { app: 'green' }));
    await until(() => fake.requests.includes('read service shop'));
    await sleep(20);
    assert.deepEqual(fake.selector('shop'), { app: 'green' });
  });

  it('is tried again while the cluster cannot be asked', async () => {
    let refusals = 2;
    fake.before = (request) => {
      if (request === 'read service shop' && refusals-- > 0) throw new Error('connect ECONNREFUSED');
    };
    becomes(service('shop', { app: 'shop' }));
    await until(() => fake.selector('shop')['tp/session'] === 'abc');
    assert.deepEqual(failed, []);
  });

  it('that is put back again while that is checked is taken again', async () => {
    let reverted = false;
    fake.before = (request) => {
      if (request !== 'list configmap' || fake.selector('shop')['tp/session'] !== 'abc' || reverted) return;
      reverted = true;
      becomes(service('shop', { app: 'shop' }));
    };
    becomes(service('shop', { app: 'shop' }));
    await until(() => reverted && fake.selector('shop')['tp/session'] === 'abc');
  });

  it('is given back when the session is ended in the same moment', async () => {
    fake.before = (request) => {
      if (request === 'patch service shop') fake.configMaps.items.clear();
    };
    becomes(service('shop', { app: 'shop' }));
    await until(() => failed.length === 1);
    assert.deepEqual(fake.selector('shop'), { app: 'shop' });
  });

  it('is left alone when it is as it should be, and once the session ends by itself', async () => {
    becomes(service('shop', { app: 'shop', 'tp/session': 'abc' }));
    becomes(service('shop', { app: 'shop' }));
    await guard.stop();
    await sleep(300);
    assert.deepEqual(fake.selector('shop'), { app: 'shop' });
    assert.deepEqual(said, []);
  });
});

describe('a Service that leads to the pod on a port nobody thought of', () => {
  it('is answered there, be it the held one, changed …', async () => {
    becomes(service('shop', { app: 'shop', 'tp/session': 'abc' }, 'admin'));
    await until(() => said.length === 1);
    assert.deepEqual(served, [[9000]]);
    assert.equal(said[0], 'Service shop leads to port 9000 of the pod now: the original pods answer there');
    becomes(service('shop', { app: 'shop', 'tp/session': 'abc' }, 'admin'));
    assert.equal(served.length, 1);
  });

  it('… or a new one that selects the workload', async () => {
    becomes(service('metrics', { tier: 'web' }, 9100));
    await until(() => said.length === 1);
    assert.deepEqual(served, [[9100]]);
  });

  it('is told where it cannot be answered', async () => {
    serve = () => Promise.reject(new Error('permission denied'));
    becomes(service('metrics', { tier: 'web' }, 80));
    await until(() => said.length === 1);
    assert.equal(
      said[0],
      'Service metrics leads to port 80 of the pod now, where nobody answers: permission denied',
    );
  });

  it('is nothing to us where it selects other pods, or the port is answered already', () => {
    becomes(service('other', { app: 'other' }, 9100));
    becomes(service('all', {}, 9100));
    becomes(service('same', { tier: 'web' }));
    assert.deepEqual(served, []);
  });
});
