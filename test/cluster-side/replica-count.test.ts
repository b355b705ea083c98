import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { V1Pod } from '@kubernetes/client-node';
import { scaleBack, scaleToZero } from '../../src/cluster/replica-count.ts';
import { TpError } from '../../src/errors.ts';
import { FakeCluster, refusal } from './fake-cluster.ts';

const SCALED = { kind: 'deployment', workload: 'shop', replicas: 2 } as const;
const never = new AbortController().signal;

let fake: FakeCluster;
let replicas: number;
let version: number;
let gone: boolean;
/** What somebody else does between a read and the patch that follows it. */
let meanwhile: () => void;

/** As the API server has it: a scale of zero has no `replicas`. */
const scale = () => {
  if (gone) throw refusal(404, 'deployments "shop" not found');
  const spec = replicas === 0 ? {} : { replicas };
  return { metadata: { resourceVersion: `${version}` }, spec, status: { selector: 'app=shop' } };
};

type Patch = { value: number }[] | { metadata: { resourceVersion: string }; spec: { replicas: number } };

const pod = (name: string, ready: boolean, labels = {}): V1Pod => ({
  metadata: { name, labels: { app: 'shop', ...labels } },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});

beforeEach(() => {
  fake = new FakeCluster();
  [replicas, version, gone, meanwhile] = [2, 1, false, () => {}];
  fake.pods.add(pod('tp-1', true, { 'tp/session': 'abc' }));
  Object.assign(fake.cluster.apps, {
    readNamespacedDeploymentScale: async () => scale(),
    patchNamespacedDeploymentScale: async ({ body }: { body: Patch }) => {
      meanwhile();
      scale();
      const [wanted, fits] = Array.isArray(body)
        ? [body[1]?.value, body[0]?.value === replicas]
        : [body.spec.replicas, body.metadata.resourceVersion === `${version}`];
      if (!fits) throw refusal(Array.isArray(body) ? 422 : 409, 'it was changed');
      replicas = wanted ?? Number.NaN;
      version++;
      return scale();
    },
  });
});

describe('scaling to zero', () => {
  it('waits until the pods have gone; the proxy’s is none of them', async () => {
    fake.pods.add(pod('shop-1', true));
    const told: string[] = [];
    await scaleToZero(
      fake.cluster,
      SCALED,
      (what) => {
        told.push(what);
        fake.pods.items.delete('shop-1');
      },
      never,
    );
    assert.deepEqual([replicas, told], [0, ['pod shop-1 to end']]);
  });

  it('does nothing where somebody has scaled meanwhile', async () => {
    replicas = 3;
    await assert.rejects(
      scaleToZero(fake.cluster, SCALED, () => {}, never),
      (error) => error instanceof TpError && error.code === 'TP_SCALED',
    );
    assert.equal(replicas, 3);
  });
});

describe('scaling back', () => {
  beforeEach(() => {
    replicas = 0;
  });

  it('waits until as many pods are ready as there were', async () => {
    fake.pods.add(pod('shop-1', true), pod('shop-2', false));
    const told: string[] = [];
    const missing = await scaleBack(fake.cluster, SCALED, (what) => {
      told.push(what);
      fake.pods.add(pod('shop-2', true));
    });
    assert.deepEqual([missing, replicas, told], [0, 2, ['1 of 2 pods of shop to be ready']]);
  });

  it('leaves a number that somebody else has set', async () => {
    replicas = 1;
    fake.pods.add(pod('shop-1', true));
    assert.equal(await scaleBack(fake.cluster, SCALED, () => {}), 0);
    assert.equal(replicas, 1);
  });

  it('looks again where the workload was changed in between', async () => {
    fake.pods.add(pod('shop-1', true), pod('shop-2', true));
    meanwhile = () => {
      version++;
      meanwhile = () => {};
    };
    assert.equal(await scaleBack(fake.cluster, SCALED, () => {}), 0);
    assert.equal(replicas, 2);
  });

  it('is content where there is no workload any more', async () => {
    gone = true;
    assert.equal(await scaleBack(fake.cluster, SCALED, () => {}), 0);
  });

  it('says what is missing when it is to hurry', async () => {
    assert.equal(await scaleBack(fake.cluster, SCALED, () => {}, AbortSignal.abort()), 2);
    assert.equal(replicas, 2);
  });
});
