import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiException } from '@kubernetes/client-node';
import { jobsOf, listOtherWorkloads } from '../../src/cluster/other-workloads.ts';
import { chooseTarget, type Workload } from '../../src/cluster/workload.ts';
import { FakeCluster } from './fake-cluster.ts';

const IMAGE = 'example.com/shop:1';
const template = {
  metadata: { labels: { app: 'x' } },
  spec: { containers: [{ name: 'web', image: IMAGE }] },
};
const selector = { matchLabels: { app: 'x' } };
const controlled = [{ apiVersion: 'v1', kind: 'x', name: 'x', uid: 'owner', controller: true }];
const named = (name: string, ownerReferences?: typeof controlled) => ({
  name,
  uid: name,
  ...(ownerReferences && { ownerReferences }),
});

function filled(): FakeCluster {
  const fake = new FakeCluster();
  fake.daemonSets.add({ metadata: named('agents'), spec: { selector, template } });
  fake.replicaSets.add(
    { metadata: named('alone'), spec: { selector, template } },
    { metadata: named('of-a-deployment', controlled), spec: { selector, template } },
  );
  fake.jobs.add(
    { metadata: named('once'), spec: { selector, template } },
    { metadata: named('of-a-cronjob', controlled), spec: { selector, template } },
  );
  fake.cronJobs.add({
    metadata: named('nightly'),
    spec: { schedule: '', jobTemplate: { spec: { template } } },
  });
  fake.pods.add(
    {
      metadata: { ...named('bare'), labels: { app: 'x' } },
      spec: { ...template.spec, ephemeralContainers: [{ name: 'debugger' }] },
      status: { phase: 'Running' },
    },
    { metadata: named('of-the-rest', controlled), spec: template.spec },
    { metadata: named('done'), spec: template.spec, status: { phase: 'Succeeded' } },
  );
  return fake;
}

const nameOf = ({ kind, name }: Workload) => `${kind}/${name}`;

describe('workloads of other kinds', () => {
  it('are those that nothing else controls', async () => {
    const all = await listOtherWorkloads(filled().cluster);
    const names = ['daemonset/agents', 'replicaset/alone', 'job/once', 'cronjob/nightly', 'pod/bare'];
    assert.deepEqual(all.map(nameOf), names);
    const bare = all.at(-1);
    assert.deepEqual(bare?.selector, { matchLabels: { app: 'x' } });
    assert.deepEqual(bare?.template.spec, template.spec);
    for (const name of names) {
      const { workload } = chooseTarget(all, { image: IMAGE, workload: name });
      assert.equal(nameOf(workload), name);
    }
  });

  it('do not compete with a Deployment of the same image', async () => {
    const all = await listOtherWorkloads(filled().cluster);
    const shop: Workload = { ...(all[0] as Workload), kind: 'deployment', name: 'shop' };
    assert.equal(nameOf(chooseTarget([...all, shop], { image: IMAGE }).workload), 'deployment/shop');
    assert.throws(() => chooseTarget(all, { image: IMAGE }), { code: 'TP_SEVERAL_WORKLOADS' });
  });

  it('may be kept from a login, but for the kind that it asks for', async () => {
    const fake = filled();
    const forbidden = new ApiException(403, 'Forbidden', '{}', {});
    const list = () => Promise.reject(forbidden);
    Object.assign(fake.cluster, { batch: { listNamespacedJob: list, listNamespacedCronJob: list } });
    assert.deepEqual((await listOtherWorkloads(fake.cluster)).map(nameOf), [
      'daemonset/agents',
      'replicaset/alone',
      'pod/bare',
    ]);
    assert.equal((await listOtherWorkloads(fake.cluster, 'daemonset')).length, 3);
    await assert.rejects(listOtherWorkloads(fake.cluster, 'job'), { code: 'TP_FORBIDDEN' });
    assert.deepEqual(await jobsOf(fake.cluster, 'owner'), []);
  });

  it('own pods by way of Jobs, where they are made by a schedule', async () => {
    assert.deepEqual(await jobsOf(filled().cluster, 'owner'), ['of-a-cronjob']);
  });
});
