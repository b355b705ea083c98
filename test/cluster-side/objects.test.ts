import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { V1Deployment, V1OwnerReference, V1ReplicaSet } from '@kubernetes/client-node';
import {
  createObjects,
  deleteObjects,
  giveBackServices,
  listSessions,
  type SessionObjects,
} from '../../src/cluster/objects.ts';
import { takeService } from '../../src/cluster/takeover.ts';
import { TpError } from '../../src/errors.ts';
import { FakeCluster, refusal } from './fake-cluster.ts';

let fake: FakeCluster;
const metadata = {
  name: 'tp-shop-abc',
  uid: 'd',
  labels: { 'tp/session': 'abc' },
  annotations: { 'tp/owner': '{"pid":1}' },
};
const OBJECTS: SessionObjects = {
  configMap: { metadata, data: {} },
  shadow: { metadata, spec: { clusterIP: 'None', selector: { app: 'shop' } } },
  deployment: { metadata, spec: { selector: {}, template: {} } } as V1Deployment,
};
const MINE = { 'tp/session': 'abc' };

/** What the Deployment's controller makes, with so many pods of it there. */
const replicaSet = (replicas: number): V1ReplicaSet => ({
  metadata: { name: 'rs', uid: '2', labels: MINE, ownerReferences: [{ uid: 'd' }] as V1OwnerReference[] },
  spec: { replicas: 1, selector: {} },
  status: { replicas },
});

/** The objects of a session, and its pod. */
async function createRunning(): Promise<void> {
  await createObjects(fake.cluster, OBJECTS);
  fake.pods.add({ metadata: { name: 'pod', uid: '1', labels: MINE } });
  fake.replicaSets.add(replicaSet(1));
}

/** Takes the ReplicaSet away when its Deployment is, as the garbage collector does. */
const collect = (request: string) => {
  if (request === 'list replicaset' && fake.deployments.items.size === 0) fake.replicaSets.items.clear();
};

beforeEach(() => {
  fake = new FakeCluster();
  fake.before = collect;
  fake.services.add({
    metadata: { name: 'shop', resourceVersion: '1' },
    spec: { selector: { app: 'shop' } },
  });
  fake.configMaps.add({ metadata: { name: 'other' } });
});

describe('the objects of a session', () => {
  it('are made with the Deployment last, so that its pod finds the rest', async () => {
    await createObjects(fake.cluster, OBJECTS);
    assert.equal(fake.requests.at(-1), 'create deployment tp-shop-abc');
    assert.deepEqual(fake.requests.slice(0, -1).sort(), [
      'create configmap tp-shop-abc',
      'create service tp-shop-abc',
    ]);
  });

  it('have no headless Service where there is nothing to fall back to', async () => {
    await createObjects(fake.cluster, { ...OBJECTS, shadow: undefined });
    assert.deepEqual(fake.requests, ['create configmap tp-shop-abc', 'create deployment tp-shop-abc']);
  });

  it('are not followed by a Deployment when one of them is refused', async () => {
    fake.before = (request) => {
      if (request.startsWith('create configmap')) throw refusal(403, 'exceeded quota');
    };
    await assert.rejects(createObjects(fake.cluster, OBJECTS), (error) => {
      assert.ok(error instanceof TpError);
      assert.match(error.message, /ConfigMap: exceeded quota/);
      return true;
    });
    assert.ok(!fake.requests.some((request) => request.startsWith('create deployment')));
  });

  it('are deleted, all of them and no others', async () => {
    await createObjects(fake.cluster, OBJECTS);
    fake.replicaSets.add(replicaSet(1));
    fake.pods.add(
      { metadata: { name: 'pod', uid: '1', labels: MINE } },
      { metadata: { name: 'original', uid: '2', labels: { app: 'shop' } } },
      { metadata: { name: 'of-another', uid: '3', labels: { 'tp/session': 'def' } } },
    );
    await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5 });
    assert.deepEqual([...fake.deployments.items.keys()], []);
    assert.deepEqual([...fake.configMaps.items.keys()], ['other']);
    assert.deepEqual([...fake.services.items.keys()], ['shop']);
    assert.deepEqual([...fake.pods.items.keys()], ['original', 'of-another']);
  });

  it('are gone only when the pods and the ReplicaSet are', async () => {
    await createRunning();
    // The pod takes a while to end, and its ReplicaSet to be collected.
    let lists = 0;
    const waited: string[] = [];
    fake.before = (request) => {
      if (request === 'list pod' && ++lists === 3) fake.pods.items.clear();
      if (request === 'list replicaset' && lists === 4) fake.replicaSets.items.clear();
      if (request === 'delete pod pod') throw refusal(404, 'it is ending already');
    };
    await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5, waitingFor: (what) => waited.push(what) });
    assert.ok(lists >= 4);
    assert.deepEqual(waited, ['pod pod to end', 'pod pod to end']);
    assert.equal(fake.requests.filter((request) => request === 'delete pod pod').length, 1, 'asked once');
  });

  it('are gone when nothing runs in the pods any more, whatever their node is still at', async () => {
    await createRunning();
    const { core } = fake.cluster;
    const graces: (number | undefined)[] = [];
    core.deleteNamespacedPod = async ({ name, gracePeriodSeconds }) => {
      graces.push(gracePeriodSeconds);
      if (gracePeriodSeconds === 0) return await fake.pods.delete({ name });
      fake.pods.add({ ...fake.pods.get(name), status: { phase: 'Succeeded' } });
      return {};
    };
    await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5 });
    assert.deepEqual(graces, [5, 0]);
    assert.ok(!fake.pods.items.has('pod'));
  });

  describe('where the proxy says that it exits', () => {
    const app = { name: 'app' };
    let graces: [string, number | undefined][];
    let departed: Promise<string>;

    beforeEach(async () => {
      graces = [];
      await createRunning();
      fake.pods.add({ ...fake.pods.get('pod'), spec: { containers: [app] } });
      const { promise, resolve } = Promise.withResolvers<string>();
      departed = promise;
      fake.cluster.core.deleteNamespacedPod = async ({ name, gracePeriodSeconds }) => {
        graces.push([name, gracePeriodSeconds]);
        if (gracePeriodSeconds !== 0) resolve('1');
        else {
          const object = fake.pods.get(name);
          await fake.pods.delete({ name });
          fake.watches[0]?.write(`${JSON.stringify({ type: 'DELETED', object })}\n`);
        }
        return {};
      };
    });

    /** Has the pods end by themselves, at the fourth look. */
    const endInTime = () => {
      let lists = 0;
      fake.before = (request) => {
        collect(request);
        if (request === 'list pod' && ++lists === 4) fake.pods.items.clear();
      };
    };

    it('are gone before its node says so, and nobody looks at the clock for that', async (t) => {
      t.mock.timers.enable({ apis: ['setTimeout'] });
      await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5, departed });
      assert.deepEqual(graces, [
        ['pod', 5],
        ['pod', 0],
      ]);
    });

    for (const { what, spec } of [
      { what: 'another container', spec: { containers: [app, { name: 'logs' }] } },
      {
        what: 'a sidecar',
        spec: { containers: [app], initContainers: [{ name: 'mesh', restartPolicy: 'Always' }] },
      },
    ]) {
      it(`have their grace where ${what} runs in the pod`, async () => {
        fake.pods.add({ ...fake.pods.get('pod'), spec });
        endInTime();
        await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5, departed });
        assert.deepEqual(graces, [['pod', 5]]);
      });
    }

    it('are gone where an init container ran before', async () => {
      fake.pods.add({
        ...fake.pods.get('pod'),
        spec: { containers: [app], initContainers: [{ name: 'init' }] },
      });
      await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5, departed });
      assert.deepEqual(graces.at(-1), ['pod', 0]);
    });

    it('have their grace if it is the proxy of another pod', async () => {
      fake.pods.add({ metadata: { name: 'next', uid: '2', labels: MINE }, spec: { containers: [app] } });
      endInTime();
      await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5, departed });
      assert.deepEqual(graces, [
        ['pod', 5],
        ['next', 5],
        ['pod', 0],
      ]);
    });

    it('are deleted first as others are, whatever they say, for that may be all that is allowed', async () => {
      fake.pods.add({ ...fake.pods.get('pod'), status: { phase: 'Succeeded' } });
      await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5, departed });
      assert.deepEqual(graces, [
        ['pod', 5],
        ['pod', 0],
      ]);
    });
  });

  it('are deleted all the same where an ended pod may not be taken away before its time', async () => {
    await createRunning();
    fake.cluster.core.deleteNamespacedPod = async ({ gracePeriodSeconds }) => {
      if (gracePeriodSeconds !== 0) {
        fake.pods.add({ ...fake.pods.get('pod'), status: { phase: 'Succeeded' } });
        return {};
      }
      setImmediate(() => fake.pods.items.clear());
      throw refusal(403, 'no pod may be deleted by force');
    };
    await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5 });
    assert.equal(fake.pods.items.size, 0);
  });

  it('are looked for again as soon as something changes, and no watch of them stays', async (t) => {
    await createRunning();
    t.mock.timers.enable({ apis: ['setTimeout'] }); // no time passes
    const ending = fake.pods.get('pod');
    fake.before = (request) => {
      collect(request);
      if (request !== 'delete pod pod') return;
      setImmediate(() => {
        fake.pods.items.clear();
        fake.watches[0]?.write(`${JSON.stringify({ type: 'DELETED', object: ending })}\n`);
      });
      throw refusal(404, 'it is ending already');
    };
    await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5 });
    assert.deepEqual(
      fake.watches.map(({ destroyed }) => destroyed),
      [true],
    );
  });

  it('are not deleted while a controller is about to make a pod, which nobody would find', async () => {
    await createObjects(fake.cluster, OBJECTS);
    let lists = 0;
    fake.before = (request) => {
      collect(request);
      if (request.startsWith('delete deployment')) assert.equal(lists, 3);
      if (request !== 'list replicaset') return;
      lists += 1;
      if (lists === 2) fake.replicaSets.add(replicaSet(0));
      if (lists === 3) fake.replicaSets.add(replicaSet(1));
    };
    await deleteObjects(fake.cluster, 'abc', { graceSeconds: 5 });
    assert.equal(fake.replicaSets.items.size, 0);
  });

  it('may be deleted again, and by two at once', async () => {
    await createObjects(fake.cluster, OBJECTS);
    fake.replicaSets.add(replicaSet(1));
    await Promise.all([
      deleteObjects(fake.cluster, 'abc', { graceSeconds: 0 }),
      deleteObjects(fake.cluster, 'abc', { graceSeconds: 0 }),
    ]);
    await deleteObjects(fake.cluster, 'abc', { graceSeconds: 0 });
    assert.equal(fake.deployments.items.size, 0);
  });

  it('that cannot be deleted are told', async () => {
    await createObjects(fake.cluster, OBJECTS);
    fake.replicaSets.add(replicaSet(1));
    fake.before = (request) => {
      if (request.startsWith('delete deployment')) throw refusal(403, 'no');
    };
    await assert.rejects(deleteObjects(fake.cluster, 'abc', { graceSeconds: 0 }));
  });
});

describe('giving back', () => {
  it('is for every Service that the session holds', async () => {
    fake.services.add(
      { metadata: { name: 'second', resourceVersion: '1' }, spec: { selector: { app: 'shop' } } },
      { metadata: { name: 'third', resourceVersion: '1' }, spec: { selector: { app: 'shop' } } },
    );
    await takeService(fake.cluster, 'shop', 'abc');
    await takeService(fake.cluster, 'second', 'abc');
    await takeService(fake.cluster, 'third', 'def');
    assert.deepEqual(await giveBackServices(fake.cluster, 'abc'), ['shop', 'second']);
    assert.deepEqual(fake.selector('shop'), { app: 'shop' });
    assert.deepEqual(fake.selector('third'), { app: 'shop', 'tp/session': 'def' });
    assert.deepEqual(await giveBackServices(fake.cluster, 'abc'), []);
  });
});

describe('the sessions of a namespace', () => {
  it('are found by any of their traces, with whose they are', async () => {
    await createObjects(fake.cluster, OBJECTS);
    await takeService(fake.cluster, 'shop', 'abc');
    fake.services.add({ metadata: { name: 'held' }, spec: { selector: { 'tp/session': 'gone' } } });
    fake.configMaps.add({ metadata: { name: 'left', labels: { 'tp/session': 'left' } } });
    const sessions = await listSessions(fake.cluster);
    assert.deepEqual(Object.fromEntries(sessions), {
      abc: { 'tp/owner': '{"pid":1}' },
      left: {},
      gone: {},
    });
  });
});
