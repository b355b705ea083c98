import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ServiceView } from '../../src/cluster/services.ts';
import type { SessionPlan } from '../../src/plan.ts';
import { Takeover } from '../../src/takeover.ts';
import { FakeCluster } from '../cluster-side/fake-cluster.ts';

const service = (name: string, ...pods: number[]): ServiceView => ({
  name,
  ports: pods.map((pod) => ({ port: 80, pod })),
  selects: ['app'],
});

function begin(services: ServiceView[], ports: SessionPlan['ports']) {
  const fake = new FakeCluster();
  for (const { name } of services)
    fake.services.add({ metadata: { name }, spec: { selector: { app: 'shop' } } });
  const ready = Promise.withResolvers<void>();
  const seen = { switched: [] as string[], elsewhere: [] as string[], failed: [] as unknown[] };
  const takeover = new Takeover({
    plan: { session: 'abc', services, ports } as SessionPlan,
    cluster: fake.cluster,
    ready: () => ready.promise,
    onSwitched: ({ name }) => seen.switched.push(name),
    onElsewhere: (line) => seen.elsewhere.push(line),
    onFailed: (error) => seen.failed.push(error),
  });
  const settle = async () => {
    for (let n = 0; n < 10; n++) await turn();
  };
  const patches = () => fake.requests.filter((request) => request.startsWith('patch'));
  return { fake, ready, takeover, settle, patches, ...seen };
}

const SAME = [{ pod: 8080, process: 8080 }];

describe('the takeover', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.reset());

  it('changes nothing before the process listens', async () => {
    const { takeover, ready, settle, fake } = begin([service('shop', 8080)], SAME);
    ready.resolve();
    takeover.listening([]);
    takeover.listening([9229]);
    await settle();
    assert.deepEqual(fake.requests, []);
  });

  it('changes nothing before the proxy’s pod is ready', async () => {
    const { takeover, ready, settle, fake, switched } = begin([service('shop', 8080)], SAME);
    takeover.listening([8080]);
    await settle();
    assert.deepEqual(fake.requests, []);
    ready.resolve();
    await settle();
    assert.deepEqual(switched, ['shop']);
    assert.equal(fake.selector('shop')['tp/session'], 'abc');
  });

  it('switches a Service on the first of its ports, once', async () => {
    const ports = [...SAME, { pod: 9090, process: 9090 }];
    const { takeover, ready, settle, patches, switched } = begin([service('shop', 8080, 9090)], ports);
    ready.resolve();
    takeover.listening([9090]);
    takeover.listening([8080, 9090]);
    await settle();
    takeover.listening([]);
    takeover.listening([8080]);
    await settle();
    assert.deepEqual(switched, ['shop']);
    assert.equal(patches().length, 1);
  });

  it('switches each Service on its own port', async () => {
    const ports = [...SAME, { pod: 9090, process: 9090 }];
    const { takeover, ready, settle, switched } = begin([service('one', 8080), service('two', 9090)], ports);
    ready.resolve();
    takeover.listening([9090]);
    await settle();
    assert.deepEqual(switched, ['two']);
    takeover.listening([8080, 9090]);
    await settle();
    assert.deepEqual(switched, ['two', 'one']);
  });

  it('goes by the process’s port where --port maps it', async () => {
    const { takeover, ready, settle, switched } = begin(
      [service('shop', 8080)],
      [{ pod: 8080, process: 3000 }],
    );
    ready.resolve();
    takeover.listening([8080]);
    await settle();
    assert.deepEqual(switched, []);
    takeover.listening([3000]);
    await settle();
    assert.deepEqual(switched, ['shop']);
  });

  it('tells UDP from TCP, on one port number too', async () => {
    const udp = { ...service('dns'), ports: [{ port: 53, pod: 53, protocol: 'UDP' as const }] };
    const { takeover, ready, settle, switched } = begin([udp], [{ pod: 53, process: 5353, protocol: 'UDP' }]);
    ready.resolve();
    takeover.listening([53, 5353], [53]);
    await settle();
    assert.deepEqual(switched, []);
    takeover.listening([], [5353]);
    await settle();
    assert.deepEqual(switched, ['dns']);
  });

  it('tells when it fails', async () => {
    const { takeover, ready, settle, failed, fake } = begin([service('shop', 8080)], SAME);
    const cause = new Error('the pod did not come');
    ready.reject(cause);
    takeover.listening([8080]);
    await settle();
    assert.deepEqual(failed, [cause]);
    assert.deepEqual(fake.requests, []);
  });

  describe('that is stopped', () => {
    it('switches nothing any more, even when the pod becomes ready only then', async () => {
      const { takeover, ready, settle, fake, switched } = begin([service('shop', 8080)], SAME);
      takeover.listening([8080]);
      await takeover.stop();
      ready.resolve();
      takeover.listening([8080]);
      await settle();
      assert.deepEqual(fake.requests, [], 'nobody would give it back');
      assert.deepEqual(switched, []);
    });

    it('waits for a switch that is under way, so that it can be given back', async () => {
      const { takeover, ready, settle, fake } = begin([service('shop', 8080)], SAME);
      const arrived = Promise.withResolvers<void>();
      fake.before = (request) => (request.startsWith('patch') ? arrived.promise : undefined);
      ready.resolve();
      takeover.listening([8080]);
      await settle();
      let stopped = false;
      const stop = takeover.stop()?.then(() => {
        stopped = true;
      });
      await settle();
      assert.equal(stopped, false, 'it would be looked for before it is there');
      arrived.resolve();
      await stop;
      assert.equal(fake.selector('shop')['tp/session'], 'abc');
    });

    it('does not wait for a pod that never becomes ready', async () => {
      const { takeover } = begin([service('shop', 8080)], SAME);
      takeover.listening([8080]);
      await takeover.stop();
    });

    it('gives no hint any more', () => {
      const { takeover, elsewhere } = begin([service('shop', 8080)], SAME);
      takeover.listening([3000]);
      void takeover.stop();
      mock.timers.tick(10_000);
      assert.deepEqual(elsewhere, []);
    });
  });

  describe('of a process that listens only elsewhere', () => {
    const HINT = 'listening on 3000, Service wants 8080: add --port 3000:8080';

    it('gives the flag to paste, within two seconds but not at once', () => {
      const { takeover, elsewhere } = begin([service('shop', 8080)], SAME);
      takeover.listening([3000]);
      mock.timers.tick(1_000);
      assert.deepEqual(elsewhere, [], 'it may still open the other port');
      mock.timers.tick(1_000);
      assert.deepEqual(elsewhere, [HINT]);
    });

    it('says so once', () => {
      const { takeover, elsewhere } = begin([service('shop', 8080)], SAME);
      for (let n = 0; n < 3; n++) {
        takeover.listening([3000]);
        mock.timers.tick(2_000);
      }
      assert.deepEqual(elsewhere, [HINT]);
      takeover.listening([4000]);
      mock.timers.tick(2_000);
      assert.equal(elsewhere.length, 2, 'another port is news');
    });

    it('says nothing where a wanted port is listened on in time', () => {
      const { takeover, elsewhere } = begin([service('shop', 8080)], SAME);
      takeover.listening([3000]);
      mock.timers.tick(500);
      takeover.listening([3000, 8080]);
      mock.timers.tick(10_000);
      assert.deepEqual(elsewhere, []);
    });

    it('says nothing while one of the wanted ports is listened on', () => {
      const ports = [...SAME, { pod: 9090, process: 9090 }];
      const { takeover, elsewhere } = begin([service('shop', 8080), service('metrics', 9090)], ports);
      takeover.listening([3000, 9090]);
      mock.timers.tick(10_000);
      assert.deepEqual(elsewhere, []);
    });

    it('says nothing of a process that listens nowhere, or of which nothing is wanted', () => {
      const one = begin([service('shop', 8080)], SAME);
      one.takeover.listening([3000]);
      one.takeover.listening([]);
      const two = begin([], []);
      two.takeover.listening([3000]);
      mock.timers.tick(10_000);
      assert.deepEqual([one.elsewhere, two.elsewhere], [[], []]);
    });

    it('names the process’s port where a mapping asks for one', () => {
      const { takeover, elsewhere } = begin([service('shop', 8080)], [{ pod: 8080, process: 5000 }]);
      takeover.listening([3000]);
      mock.timers.tick(2_000);
      assert.deepEqual(elsewhere, ['listening on 3000, Service wants 5000: add --port 3000:8080']);
    });
  });
});
