import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { V1Container } from '@kubernetes/client-node';
import {
  chooseTarget,
  listWorkloads,
  ownedBy,
  type TargetChoice,
  type Workload,
} from '../../src/cluster/workload.ts';
import { TpError } from '../../src/errors.ts';
import { FakeCluster } from './fake-cluster.ts';
import { target } from './target.ts';

/** A workload whose containers run these images, each named after its place. */
function workload(name: string, ...images: string[]): Workload {
  const containers: V1Container[] = images.map((image, index) => ({ name: `c${index}`, image }));
  return target({ name, spec: { containers } }).workload;
}

const chosen = (workloads: readonly Workload[], choice: TargetChoice) => {
  const { workload: found, container } = chooseTarget(workloads, choice);
  return `${found.kind}/${found.name} ${container.name}`;
};

function refused(workloads: readonly Workload[], choice: TargetChoice): TpError {
  try {
    chooseTarget(workloads, choice);
  } catch (error) {
    assert.ok(error instanceof TpError, String(error));
    return error;
  }
  throw new Error('it was chosen');
}

const SHOP = workload('shop', 'examplecom/shop:1');
const QUEUE = workload('queue', 'examplecom/queue:1', 'sidecars/mesh:2');
const DATABASE = { ...workload('db', 'postgres:16'), kind: 'statefulset' } as const;

describe('the workload is found by the image', () => {
  it('when one runs its repository, whatever tag and digest', () => {
    assert.equal(chosen([QUEUE, SHOP], { image: 'examplecom/shop:dev' }), 'deployment/shop c0');
    assert.equal(chosen([SHOP, DATABASE], { image: 'docker.io/library/postgres' }), 'statefulset/db c0');
  });

  it('in whichever of its containers', () => {
    const behind = workload('behind', 'sidecars/mesh:2', 'examplecom/behind:1');
    assert.equal(chosen([SHOP, behind], { image: 'examplecom/behind' }), 'deployment/behind c1');
  });

  it('by the exact repository before the same path elsewhere', () => {
    const mirror = workload('mirror', 'registry.example.com/examplecom/shop:1');
    assert.equal(chosen([mirror, SHOP], { image: 'examplecom/shop' }), 'deployment/shop c0');
    assert.equal(chosen([mirror], { image: 'examplecom/shop' }), 'deployment/mirror c0');
  });

  it('among the containers of a name, where --container gives one', () => {
    const two = workload('two', 'examplecom/shop:1', 'examplecom/shop:1');
    assert.equal(chosen([two], { image: 'examplecom/shop', container: 'c1' }), 'deployment/two c1');
  });
});

describe('the workload is not found by the image', () => {
  it('when several run it: each is listed with its flag', () => {
    const other = workload('shop-canary', 'examplecom/shop:2');
    const error = refused([SHOP, QUEUE, other], { image: 'examplecom/shop' });
    assert.equal(error.code, 'TP_SEVERAL_WORKLOADS');
    assert.match(error.message, /several workloads run examplecom\/shop/);
    assert.deepEqual(error.hint?.split('\n'), [
      '--workload deployment/shop    # examplecom/shop:1',
      '--workload deployment/shop-canary    # examplecom/shop:2',
    ]);
  });

  it('when two containers of one pod run it: the container is part of the flag', () => {
    const two = workload('two', 'examplecom/shop:1', 'examplecom/shop:2');
    const error = refused([two], { image: 'examplecom/shop' });
    assert.equal(error.code, 'TP_SEVERAL_WORKLOADS');
    assert.deepEqual(error.hint?.split('\n'), [
      '--workload deployment/two --container c0    # examplecom/shop:1',
      '--workload deployment/two --container c1    # examplecom/shop:2',
    ]);
  });

  it('when only the last part of the name is the same: that is offered, not taken', () => {
    const error = refused([QUEUE, SHOP], { image: 'me/shop' });
    assert.equal(error.code, 'TP_NO_WORKLOAD');
    assert.match(error.message, /no workload in this namespace runs me\/shop; similar/);
    assert.equal(error.hint, '--workload deployment/shop    # examplecom/shop:1');
  });

  it('when none runs it: all are listed, and the way without one', () => {
    const error = refused([SHOP, QUEUE], { image: 'me/nothing' });
    assert.equal(error.code, 'TP_NO_WORKLOAD');
    assert.deepEqual(error.hint?.split('\n'), [
      '--workload deployment/shop    # examplecom/shop:1',
      '--workload deployment/queue --container c0    # examplecom/queue:1',
      '--workload deployment/queue --container c1    # sidecars/mesh:2',
      '--no-workload for a pod of its own',
    ]);
  });

  it('when the namespace is empty', () => {
    const { code, hint } = refused([], { image: 'me/nothing' });
    assert.equal(code, 'TP_NO_WORKLOAD');
    assert.match(hint ?? '', /-n NAMESPACE\n--no-workload/);
  });

  it('when --container names one that does not run it', () => {
    assert.equal(refused([SHOP], { image: 'examplecom/shop', container: 'c7' }).code, 'TP_NO_WORKLOAD');
  });
});

describe('the workload is named', () => {
  const named = (name: string, container?: string, image = 'me/anything') => ({
    image,
    workload: name,
    container,
  });

  for (const kind of ['deployment', 'deployments', 'deploy', 'Deployment']) {
    it(`as ${kind}/shop`, () =>
      assert.equal(chosen([QUEUE, SHOP], named(`${kind}/shop`)), 'deployment/shop c0'));
  }

  for (const kind of ['statefulset', 'statefulsets', 'sts']) {
    it(`as ${kind}/db`, () => assert.equal(chosen([DATABASE], named(`${kind}/db`)), 'statefulset/db c0'));
  }

  for (const wrong of ['shop', 'service/shop', 'deployment/', '/shop', '', 'constructor/shop']) {
    it(`but not as "${wrong}"`, () => {
      const error = refused([SHOP], named(wrong));
      assert.equal(error.code, 'TP_BAD_WORKLOAD');
      assert.match(error.hint ?? '', /deployment\/NAME/);
    });
  }

  it('but is not there: those that are get listed', () => {
    const error = refused([SHOP], named('statefulset/shop'));
    assert.equal(error.code, 'TP_NO_WORKLOAD');
    assert.match(error.message, /no statefulset\/shop/);
    assert.equal(error.hint, '--workload deployment/shop    # examplecom/shop:1');
    assert.match(refused([], named('deployment/shop')).hint ?? '', /-n NAMESPACE/);
  });

  it('with its container', () => {
    assert.equal(chosen([QUEUE], named('deploy/queue', 'c1')), 'deployment/queue c1');
  });

  it('and has several containers: the one that runs the image is meant', () => {
    assert.equal(chosen([QUEUE], named('deploy/queue', undefined, 'me/queue')), 'deployment/queue c0');
  });

  it('and has several containers of which none or more than one could be meant: they are listed', () => {
    const two = workload('two', 'a/shop:1', 'b/shop:1');
    for (const [of, choice] of [
      [QUEUE, named('deploy/queue')],
      [two, named('deploy/two', undefined, 'me/shop')],
      [two, named('deploy/two', 'c9', 'me/shop')],
    ] as const) {
      const error = refused([of], choice);
      assert.equal(error.code, 'TP_WHICH_CONTAINER');
      assert.equal(error.hint, '--container c0\n--container c1');
    }
  });
});

describe('the workloads of a namespace', () => {
  it('are Deployments and StatefulSets, without those of sessions', async () => {
    const fake = new FakeCluster();
    const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [] } };
    const selector = { matchLabels: { app: 'x' } };
    fake.deployments.add(
      { metadata: { name: 'shop', uid: '1' }, spec: { selector, template, replicas: 3 } },
      { metadata: { name: 'tp-shop', labels: { 'tp/session': 'abc' } }, spec: { selector, template } },
    );
    fake.statefulSets.add({
      metadata: { name: 'db', uid: '2' },
      spec: {
        serviceName: 'db',
        selector,
        template,
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }],
      },
    });
    assert.deepEqual(await listWorkloads(fake.cluster), [
      { kind: 'deployment', name: 'shop', uid: '1', selector, template, replicas: 3, claims: [] },
      { kind: 'statefulset', name: 'db', uid: '2', selector, template, replicas: 1, claims: ['data'] },
    ]);
  });
});

describe('an owner', () => {
  const reference = (uid: string, controller: boolean) => ({
    uid,
    controller,
    kind: 'x',
    name: 'x',
    apiVersion: 'v1',
  });

  it('is the one that controls', () => {
    assert.equal(ownedBy([reference('a', false), reference('b', true)], new Set(['b'])), true);
    assert.equal(ownedBy([reference('a', false)], new Set(['a'])), false);
    assert.equal(ownedBy([reference('a', true)], new Set(['b'])), false);
    assert.equal(ownedBy(undefined, new Set(['b'])), false);
  });
});
