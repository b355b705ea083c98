import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { giveBackService, heldServices, takePatch, takeService } from '../../src/cluster/takeover.ts';
import { TpError } from '../../src/errors.ts';
import { FakeCluster, refusal } from './fake-cluster.ts';

let fake: FakeCluster;

const code = (expected: string) => (error: unknown) => error instanceof TpError && error.code === expected;

beforeEach(() => {
  fake = new FakeCluster();
  fake.services.add(
    {
      metadata: { name: 'shop', resourceVersion: '7' },
      spec: { selector: { app: 'shop' }, clusterIP: '10.0.0.1' },
    },
    { metadata: { name: 'other' }, spec: { selector: { app: 'other' } } },
  );
});

describe('taking a Service over', () => {
  it('adds one key to its selector and leaves the rest', async () => {
    const before = structuredClone(fake.services.get('shop'));
    await takeService(fake.cluster, 'shop', 'abc');
    assert.deepEqual(fake.selector('shop'), { app: 'shop', 'tp/session': 'abc' });
    const { metadata, spec } = fake.services.get('shop');
    assert.deepEqual({ ...spec, selector: undefined }, { ...before.spec, selector: undefined });
    assert.equal(metadata?.name, 'shop');
    assert.deepEqual(fake.selector('other'), { app: 'other' });
  });

  it('is what --dry-run shows', () => {
    assert.deepEqual(takePatch('abc'), { spec: { selector: { 'tp/session': 'abc' } } });
  });

  it('is done when it is done', async () => {
    await takeService(fake.cluster, 'shop', 'abc');
    fake.requests.length = 0;
    await takeService(fake.cluster, 'shop', 'abc');
    assert.deepEqual(fake.requests, ['read service shop']);
  });

  it('is refused when another session holds it, and says how to end that one', async () => {
    await takeService(fake.cluster, 'shop', 'abc');
    await assert.rejects(takeService(fake.cluster, 'shop', 'def'), (error) => {
      assert.ok(error instanceof TpError);
      assert.equal(error.code, 'TP_HELD');
      assert.equal(error.hint, 'tp leave abc\n--evict to take it over');
      return true;
    });
    assert.equal(fake.selector('shop')['tp/session'], 'abc');
  });

  it('is tried again when somebody else changes the Service at that moment', async () => {
    let changed = false;
    fake.before = (request) => {
      if (request !== 'patch service shop' || changed) return;
      changed = true;
      const { metadata, ...service } = fake.services.get('shop');
      fake.services.add({ ...service, metadata: { ...metadata, resourceVersion: '8' } });
    };
    await takeService(fake.cluster, 'shop', 'abc');
    assert.equal(fake.selector('shop')['tp/session'], 'abc');
    assert.equal(fake.requests.filter((request) => request.startsWith('read')).length, 2);
  });

  it('is won by one of two sessions that begin together', async () => {
    const results = await Promise.allSettled(
      ['abc', 'def'].map((session) => takeService(fake.cluster, 'shop', session)),
    );
    const won = results.map(({ status }) => status === 'fulfilled');
    assert.deepEqual(won.toSorted(), [false, true]);
    assert.equal(fake.selector('shop')['tp/session'], won[0] ? 'abc' : 'def');
  });

  it('gives up when it never gets through, with what the API server says', async () => {
    fake.before = (request) => {
      if (request.startsWith('patch')) throw refusal(409, 'the object has been modified');
    };
    await assert.rejects(takeService(fake.cluster, 'shop', 'abc'), code('TP_CLUSTER_REFUSED'));
    assert.ok(fake.requests.length <= 10, 'it does not try for ever');
  });

  it('says what is forbidden, and what is gone', async () => {
    fake.before = (request) => {
      if (request.startsWith('patch')) throw refusal(403, 'services is forbidden');
    };
    await assert.rejects(takeService(fake.cluster, 'shop', 'abc'), code('TP_FORBIDDEN'));
    await assert.rejects(takeService(fake.cluster, 'gone', 'abc'), code('TP_CLUSTER_REFUSED'));
  });
});

describe('evicting another session', () => {
  it('puts one in the place of the other, in one request', async () => {
    await takeService(fake.cluster, 'shop', 'abc');
    fake.requests.length = 0;
    await takeService(fake.cluster, 'shop', 'def', { evict: true });
    assert.deepEqual(fake.selector('shop'), { app: 'shop', 'tp/session': 'def' });
    assert.deepEqual(fake.requests, ['read service shop', 'patch service shop']);
  });

  it('is as taking where nobody holds it', async () => {
    await takeService(fake.cluster, 'shop', 'def', { evict: true });
    assert.equal(fake.selector('shop')['tp/session'], 'def');
  });

  it('goes by who holds it now, when that changes at the same moment', async () => {
    await takeService(fake.cluster, 'shop', 'abc');
    let changed = false;
    fake.before = async (request) => {
      if (request !== 'patch service shop' || changed) return;
      changed = true;
      await giveBackService(fake.cluster, 'shop', 'abc');
    };
    await takeService(fake.cluster, 'shop', 'def', { evict: true });
    assert.equal(fake.selector('shop')['tp/session'], 'def');
  });
});

describe('giving a Service back', () => {
  it('removes the key and leaves the rest', async () => {
    await takeService(fake.cluster, 'shop', 'abc');
    await giveBackService(fake.cluster, 'shop', 'abc');
    assert.deepEqual(fake.selector('shop'), { app: 'shop' });
  });

  it('leaves one that another session holds, or nobody, or that is gone', async () => {
    await takeService(fake.cluster, 'shop', 'abc');
    await giveBackService(fake.cluster, 'shop', 'def');
    assert.equal(fake.selector('shop')['tp/session'], 'abc');
    await giveBackService(fake.cluster, 'other', 'abc');
    assert.deepEqual(fake.selector('other'), { app: 'other' });
    await giveBackService(fake.cluster, 'gone', 'abc');
  });

  it('fails when it is refused: nobody may think that it is back', async () => {
    fake.before = (request) => {
      if (request.startsWith('patch')) throw refusal(500, 'etcd is away');
    };
    await assert.rejects(giveBackService(fake.cluster, 'shop', 'abc'), code('TP_CLUSTER_REFUSED'));
  });

  it('finds the Services that a session holds', async () => {
    await takeService(fake.cluster, 'shop', 'abc');
    await takeService(fake.cluster, 'other', 'def');
    assert.deepEqual(await heldServices(fake.cluster, 'abc'), ['shop']);
    assert.deepEqual(await heldServices(fake.cluster, 'xyz'), []);
  });
});
