import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { V1LimitRangeItem } from '@kubernetes/client-node';
import { amountOf } from '../../src/cluster/quantity.ts';
import { givenLimits, refusals, shortages } from '../../src/cluster/room.ts';

describe('an amount', () => {
  it('is read with any suffix of Kubernetes', () => {
    const amounts = {
      '1': 1,
      '50m': 0.05,
      '1500m': 1.5,
      '96Mi': 96 * 2 ** 20,
      '1G': 1e9,
      '1e3': 1_000,
      '0.5': 0.5,
      '2k': 2_000,
    };
    for (const [text, amount] of Object.entries(amounts))
      assert.ok(Math.abs(amountOf(text) - amount) < 1e-9, text);
    for (const text of ['', 'much', '5 apples', '1Xi']) assert.ok(Number.isNaN(amountOf(text)), text);
  });
});

describe('a quota', () => {
  const quota = (hard: Record<string, string>, used: Record<string, string> = {}, spec: object = {}) =>
    shortages({ spec: { hard, ...spec }, status: { used } });

  it('has room, or says for what it has none', () => {
    assert.deepEqual(
      quota({ pods: '10', 'requests.memory': '1Gi' }, { pods: '9', 'requests.memory': '900Mi' }),
      [],
    );
    assert.deepEqual(
      quota({ pods: '10', 'requests.memory': '1Gi' }, { pods: '10', 'requests.memory': '1000Mi' }),
      [
        'pods: 10 of 10 are used, and a session needs 1',
        'requests.memory: 1000Mi of 1Gi are used, and a session needs 96Mi',
      ],
    );
    assert.deepEqual(quota({ 'count/deployments.apps': '3' }, { 'count/deployments.apps': '3' }).length, 1);
  });

  it("counts the limits that a LimitRange gives instead of the proxy's own", () => {
    const tight = { spec: { hard: { 'limits.cpu': '1' } }, status: { used: { 'limits.cpu': '800m' } } };
    assert.deepEqual(shortages(tight), ['limits.cpu: 800m of 1 are used, and a session needs 1']);
    const given = givenLimits([
      { spec: { limits: [{ type: 'Pod', max: { cpu: '2' } }] } },
      { spec: { limits: [{ type: 'Container', max: { cpu: '500m' }, _default: { cpu: '200m' } }] } },
    ]);
    assert.deepEqual(given, { cpu: '200m' });
    assert.deepEqual(shortages(tight, given), []);
  });

  it('may be about something else', () => {
    assert.deepEqual(quota({ persistentvolumeclaims: '0', 'requests.storage': '0' }), []);
    assert.deepEqual(quota({ pods: '0' }, {}, { scopes: ['BestEffort'] }), []);
    assert.equal(quota({ pods: '0' }, {}, { scopes: ['NotBestEffort'] }).length, 1);
    const selected = {
      scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'Exists' }] },
    };
    assert.deepEqual(quota({ pods: '0' }, {}, selected), []);
  });
});

describe('a LimitRange', () => {
  const range = (limit: Partial<V1LimitRangeItem>) =>
    refusals({ spec: { limits: [{ type: 'Container', ...limit }] } });

  it('lets the proxy pass, or says why it would not', () => {
    assert.deepEqual(range({ min: { cpu: '10m' }, max: { cpu: '2', memory: '1Gi' } }), []);
    assert.deepEqual(range({ min: { cpu: '100m' } }), [
      'the proxy asks for 50m of cpu, and at least 100m is allowed',
    ]);
    assert.deepEqual(range({ max: { memory: '64Mi' } }), [
      'the proxy asks for 96Mi of memory, and gets a limit of 64Mi',
    ]);
    assert.deepEqual(range({ _default: { memory: '64Mi' } }).length, 1);
    assert.deepEqual(range({ _default: { cpu: '1' }, maxLimitRequestRatio: { cpu: '10' } }), [
      'the proxy asks for 50m of cpu and gets a limit of 1, more than 10 times that',
    ]);
    assert.deepEqual(range({ type: 'PersistentVolumeClaim', min: { cpu: '100m' } }), []);
  });
});
