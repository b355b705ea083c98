import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Preference, ProjectNames } from '../../src/docker/project-names.ts';

const TABLE = { cache: ['172.20.0.3'], orders: ['172.20.0.4'] };

function settled(prefer: Preference) {
  const told: string[] = [];
  const rules = { links: {}, prefer, onClash: (name: string) => void told.push(name) };
  const names = new ProjectNames(rules, new Set(['orders', 'billing']));
  return { names, told };
}

describe('a name that the project and the cluster have', () => {
  it('is the project’s, and said once', () => {
    const { names, told } = settled('compose');
    assert.deepEqual(names.settle(TABLE), TABLE);
    assert.deepEqual(names.settle(TABLE), TABLE);
    assert.deepEqual(told, ['orders']);
  });

  it('is the cluster’s where the service says so', () => {
    const { names, told } = settled('cluster');
    assert.deepEqual(names.settle(TABLE), { cache: ['172.20.0.3'] });
    assert.deepEqual(told, ['orders']);
  });

  it('is said when it comes later', () => {
    const { names, told } = settled('compose');
    names.settle({ cache: ['172.20.0.3'] });
    assert.deepEqual(told, []);
    names.settle(TABLE);
    assert.deepEqual(told, ['orders']);
  });
});
