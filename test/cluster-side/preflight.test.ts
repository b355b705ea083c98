import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { V1PodAffinityTerm } from '@kubernetes/client-node';
import {
  adviseOn,
  checkRights,
  missingRights,
  placementAdvice,
  rightsOf,
} from '../../src/cluster/preflight.ts';
import { RIGHTS } from '../../src/cluster/role.ts';
import type { ServiceView } from '../../src/cluster/services.ts';
import { TpError } from '../../src/errors.ts';
import { FakeCluster, refusal } from './fake-cluster.ts';
import { target } from './target.ts';

const SHOP: ServiceView = { name: 'shop', ports: [{ port: 80, pod: 8080 }], selects: ['app'] };
let fake: FakeCluster;
beforeEach(() => {
  fake = new FakeCluster();
});

describe('advice on placement', () => {
  const antiAffinity = (...terms: V1PodAffinityTerm[]) =>
    target({
      spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } },
    });
  const host = 'kubernetes.io/hostname';

  it('is none where nothing is in the way', () => {
    assert.deepEqual(placementAdvice(target(), [SHOP]), []);
    const preferred = { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } };
    const spread = [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }];
    const of = target({ spec: { affinity: preferred, topologySpreadConstraints: spread } });
    assert.deepEqual(placementAdvice(of, [SHOP]), []);
  });

  it('names the label to drop for a required anti-affinity', () => {
    const of = antiAffinity({ topologyKey: host, labelSelector: { matchLabels: { spread: 'yes' } } });
    const [line, ...more] = placementAdvice(of, [SHOP]);
    assert.match(
      line ?? '',
      /required anti-affinity \(kubernetes.io\/hostname\).*pending; if so: --drop-label spread$/,
    );
    assert.deepEqual(more, []);
  });

  it('never names a label by which a Service finds the pod: it would be left without one', () => {
    const labels = { app: 'servicename', spread: 'yes' };
    const [line] = placementAdvice(
      antiAffinity({ topologyKey: host, labelSelector: { matchLabels: labels } }),
      [SHOP],
    );
    assert.match(line ?? '', /if so: --drop-label spread$/);
    const only = antiAffinity({ topologyKey: host, labelSelector: { matchLabels: { app: 'servicename' } } });
    assert.match(placementAdvice(only, [SHOP])[0] ?? '', /if so: --no-inbound$/);
  });

  it('reads expressions too, and has something to paste whatever the selector', () => {
    const expression = { key: 'spread', operator: 'In', values: ['yes'] };
    const of = antiAffinity(
      { topologyKey: host, labelSelector: { matchExpressions: [expression] } },
      { topologyKey: 'zone' },
    );
    const [one, two] = placementAdvice(of, [SHOP]);
    assert.match(one ?? '', /--drop-label spread$/);
    assert.match(two ?? '', /\(zone\).*--no-inbound$/);
  });

  it('says that a spread constraint counts the pod', () => {
    const spread = [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }];
    const lines = placementAdvice(target({ spec: { topologySpreadConstraints: spread } }), []);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /spread/);
  });
});

describe('advice on neighbours', () => {
  const advice = async (services: ServiceView[] = [SHOP], named: string[] = []) =>
    (await adviseOn(fake.cluster, target(), services, named)).advice;

  it('is none in a namespace without any', async () => assert.deepEqual(await advice(), []));

  it('names budgets, scalers and quotas that count the pod', async () => {
    fake.advice.budgets = [
      { metadata: { name: 'pdb' }, spec: { selector: { matchLabels: { app: 'servicename' } } } },
      { metadata: { name: 'other' }, spec: { selector: { matchLabels: { app: 'other' } } } },
    ];
    fake.advice.scalers = [
      { metadata: { name: 'hpa' }, spec: { scaleTargetRef: { kind: 'Deployment', name: 'servicename' } } },
      { metadata: { name: 'other' }, spec: { scaleTargetRef: { kind: 'Deployment', name: 'other' } } },
    ];
    fake.advice.quotas = [
      { metadata: { name: 'quota' }, spec: { hard: { pods: '10', 'requests.cpu': '4' } } },
      { metadata: { name: 'storage' }, spec: { hard: { persistentvolumeclaims: '3' } } },
    ];
    const lines = await advice();
    assert.equal(lines.length, 3);
    assert.match(lines[0] ?? '', /PodDisruptionBudget pdb/);
    assert.match(lines[1] ?? '', /HorizontalPodAutoscaler hpa/);
    assert.match(lines[2] ?? '', /ResourceQuota quota.*\(pods, requests.cpu\)/);
  });

  it('has the pod name the limits that a quota demands and no LimitRange gives', async () => {
    const limited = async () => (await adviseOn(fake.cluster, target(), [SHOP], [])).limited;
    fake.advice.quotas = [{ spec: { hard: { 'limits.cpu': '4', 'limits.memory': '4Gi' } } }];
    assert.deepEqual(await limited(), ['cpu', 'memory']);
    fake.advice.limitRanges = [{ spec: { limits: [{ type: 'Container', max: { cpu: '500m' } }] } }];
    assert.deepEqual(await limited(), ['memory']);
    fake.advice.limitRanges = refusal(403, 'forbidden');
    assert.deepEqual(await limited(), ['cpu', 'memory']);
  });

  it('names the Services that are left alone, and the flag that takes them', async () => {
    const headless = { ...SHOP, name: 'db', notByDefault: 'it is headless: its names would change' };
    assert.deepEqual(await advice([SHOP, headless]), [
      'Service db is left alone: it is headless: its names would change; --service db takes it',
    ]);
    assert.deepEqual(await advice([SHOP, headless], ['db']), []);
  });

  it('passes over what the login may not read, or the cluster does not have', async () => {
    fake.advice.budgets = refusal(403, 'forbidden');
    fake.advice.scalers = refusal(404, 'no such resource');
    assert.deepEqual(await advice(), []);
  });

  it('fails where the cluster does', async () => {
    fake.advice.quotas = refusal(500, 'etcd is away');
    await assert.rejects(
      advice(),
      (error) => error instanceof TpError && error.code === 'TP_CLUSTER_REFUSED',
    );
  });
});

describe('the check of rights', () => {
  const rules = () =>
    RIGHTS.map(({ group, resource, verbs }) => ({
      apiGroups: [group],
      resources: [resource],
      verbs: [...verbs],
    }));
  const missing = async (): Promise<string> => {
    try {
      await checkRights(fake.cluster, RIGHTS);
      return '';
    } catch (error) {
      assert.ok(error instanceof TpError, String(error));
      assert.equal(error.code, 'TP_FORBIDDEN');
      return error.message;
    }
  };

  it('is content with exactly those that are listed', async () => {
    fake.rights.rules = rules();
    fake.rights.allowed = () => false;
    assert.equal(await missing(), '');
  });

  it('is content with stars', async () => {
    fake.rights.rules = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }];
    fake.rights.allowed = () => false;
    assert.equal(await missing(), '');
  });

  it('names each that is missing', async () => {
    fake.rights.rules = rules().filter(({ resources }) => resources[0] !== 'pods/portforward');
    fake.rights.allowed = (verb, resource) => !(verb === 'create' && resource === 'pods/portforward');
    const message = await missing();
    assert.match(message, /may not: create pods\/portforward \(namespace shop\)/);
  });

  it('asks one by one where the list is incomplete', async () => {
    fake.rights.rules = [];
    const asked: string[] = [];
    fake.rights.allowed = (verb, resource) => {
      asked.push(`${verb} ${resource}`);
      return true;
    };
    assert.equal(await missing(), '');
    assert.equal(asked.length, RIGHTS.flatMap(({ verbs }) => verbs).length);
    assert.ok(asked.includes('patch services'));
  });

  it('does not take a rule for some names, or another group, for the right', async () => {
    fake.rights.rules = rules().map((rule) => ({ ...rule, resourceNames: ['only-this'] }));
    fake.rights.allowed = () => false;
    assert.match(await missing(), /patch services/);
    fake.rights.rules = rules().map((rule) => ({ ...rule, apiGroups: ['other'] }));
    assert.match(await missing(), /patch services/);
  });

  it('can ask for each verb by itself, whatever the list says', async () => {
    fake.rights.rules = rules();
    fake.rights.allowed = (verb, resource) => !(verb === 'patch' && resource === 'services');
    assert.deepEqual(await missingRights(fake.cluster, rightsOf(RIGHTS)), ['patch services']);
  });
});
