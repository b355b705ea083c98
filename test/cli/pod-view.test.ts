import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withoutVariables } from '../../src/pod-view.ts';

const VIEW = {
  environment: { STAGE: 'staging', __proto: 'x' },
  hostname: 'shop',
  addresses: [],
  resolvConf: '',
  hostAliases: [],
};

describe("the pod's variables", () => {
  it('are without those that are unset, and nothing else changes', () => {
    const said: string[] = [];
    const view = withoutVariables(VIEW, ['STAGE'], (line) => said.push(line));
    assert.deepEqual(view, { ...VIEW, environment: { __proto: 'x' } });
    assert.deepEqual(said, []);
    assert.equal(VIEW.environment.STAGE, 'staging', 'what was read stays');
  });

  it('of another name are said, as it may be a slip', () => {
    const said: string[] = [];
    const view = withoutVariables(VIEW, ['STAEG', 'toString'], (line) => said.push(line));
    assert.deepEqual(view, VIEW);
    assert.deepEqual(said, [
      '--unset STAEG: the pod has no such variable',
      '--unset toString: the pod has no such variable',
    ]);
  });
});
