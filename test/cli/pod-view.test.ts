import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clusterAddresses, withoutVariables } from '../../src/pod-view.ts';

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

describe('the addresses that the pod knows as the cluster’s', () => {
  it('are its nameservers and the Services of its environment, each once', () => {
    const environment = {
      KUBERNETES_SERVICE_HOST: '172.20.0.1',
      KUBERNETES_SERVICE_PORT: '443',
      SHOP_SERVICE_HOST: '172.20.3.4',
      SHOP6_SERVICE_HOST: 'fd00::7',
      DNS_SERVICE_HOST: '172.20.0.10',
      OWN_SERVICE_HOST: 'example.com',
    };
    const resolvConf = 'nameserver 172.20.0.10\nsearch default.svc.cluster.local\n';
    assert.deepEqual(clusterAddresses({ ...VIEW, environment, resolvConf }), [
      '172.20.0.10',
      '172.20.0.1',
      '172.20.3.4',
      'fd00::7',
    ]);
    assert.deepEqual(clusterAddresses(VIEW), []);
  });
});
