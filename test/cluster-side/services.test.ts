import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { V1Pod, V1Service, V1ServicePort, V1ServiceSpec } from '@kubernetes/client-node';
import { findServices, serviceNames, viewOf } from '../../src/cluster/services.ts';
import type { Target } from '../../src/cluster/workload.ts';
import { FakeCluster } from './fake-cluster.ts';
import { sidecar, type TargetOptions, target } from './target.ts';

const service = (ports: V1ServicePort[], spec: Partial<V1ServiceSpec> = {}): V1Service => ({
  metadata: { name: 'shop' },
  spec: { selector: { app: 'servicename' }, clusterIP: '10.43.0.9', ports, ...spec },
});

const HTTP: V1ServicePort = { name: 'http', port: 80, targetPort: 'http' };
const view = (of: V1Service, options: TargetOptions = {}, strangers: V1Pod[] = []) =>
  viewOf(of, target(options), strangers);
const ports = (list: V1ServicePort[], options?: TargetOptions) => view(service(list), options)?.ports;

describe('a Service', () => {
  it('is seen when its selector matches the pod’s labels, all of them', () => {
    const labels = { app: 'servicename', tier: 'web' };
    assert.deepEqual(view(service([HTTP], { selector: { tier: 'web', app: 'servicename' } }), { labels }), {
      name: 'shop',
      ports: [{ port: 80, pod: 8080, name: 'http' }],
      heldBy: undefined,
      notByDefault: undefined,
      selects: ['tier', 'app'],
    });
    assert.equal(
      view(service([HTTP], { selector: { app: 'servicename', tier: 'db' } }), { labels }),
      undefined,
    );
    assert.equal(
      view(service([HTTP], { selector: { app: 'servicename', more: 'x' } }), { labels }),
      undefined,
    );
  });

  it('without a selector selects nothing', () => {
    assert.equal(view(service([HTTP], { selector: {} })), undefined);
    assert.equal(view({ metadata: { name: 'external' }, spec: { type: 'ExternalName' } }), undefined);
  });

  it('of a session is none of the workload’s', () => {
    const shadow = service([HTTP], { clusterIP: 'None' });
    assert.equal(view({ ...shadow, metadata: { name: 'tp-x', labels: { 'tp/session': 'abc' } } }), undefined);
  });

  it('that a session holds is seen as what it is without it', () => {
    const held = view(service([HTTP], { selector: { app: 'servicename', 'tp/session': 'abc' } }));
    assert.equal(held?.heldBy, 'abc');
    assert.deepEqual(held?.selects, ['app']);
  });
});

describe('the ports of a Service', () => {
  it('lead to the container by name, by number, or by being the same', () => {
    assert.deepEqual(ports([HTTP]), [{ port: 80, pod: 8080, name: 'http' }]);
    assert.deepEqual(ports([{ port: 80, targetPort: 8080 }]), [{ port: 80, pod: 8080, name: undefined }]);
    assert.deepEqual(ports([{ port: 8080 }]), [{ port: 8080, pod: 8080, name: undefined }]);
  });

  it('lead to a number that nobody declares, as Kubernetes lets them', () => {
    assert.deepEqual(ports([{ port: 80, targetPort: 9999 }]), [{ port: 80, pod: 9999, name: undefined }]);
  });

  it('are left out where they lead to a sidecar, or nowhere', () => {
    const sidecars = [sidecar('metrics', { ports: [{ name: 'metrics', containerPort: 9090 }] })];
    const list = [
      { port: 1, targetPort: 'metrics' },
      { port: 2, targetPort: 9090 },
      { port: 3, targetPort: 'unknown' },
      { port: 4, targetPort: 'http' },
    ];
    assert.deepEqual(ports(list, { sidecars }), [{ port: 4, pod: 8080, name: undefined }]);
  });

  it('are a sidecar’s also where that is an init container which restarts for ever', () => {
    const proxy = sidecar('oauth', {
      restartPolicy: 'Always',
      ports: [{ name: 'auth', containerPort: 4180 }],
    });
    const list = [
      { port: 80, targetPort: 'auth' },
      { port: 81, targetPort: 4180 },
    ];
    assert.deepEqual(ports(list, { spec: { initContainers: [proxy] } }), []);
    const once = { ...proxy, restartPolicy: 'Never' };
    assert.deepEqual(
      ports(list, { spec: { initContainers: [once] } })?.map(({ port }) => port),
      [81],
      'one that has ended listens on nothing',
    );
  });

  it('by name lead to the first container that has the name', () => {
    const app = target().container;
    const first = sidecar('mesh', { ports: [{ name: 'http', containerPort: 15_000 }] });
    assert.deepEqual(ports([HTTP], { spec: { containers: [first, app] } }), []);
    assert.deepEqual(ports([HTTP], { spec: { containers: [app, first] } }), [
      { port: 80, pod: 8080, name: 'http' },
    ]);
  });

  it('are those of TCP and UDP, and a name counts for its protocol', () => {
    const container = {
      ports: [
        { name: 'dns', containerPort: 53, protocol: 'UDP' },
        { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
      ],
    };
    const list: V1ServicePort[] = [
      { port: 53, targetPort: 'dns', protocol: 'UDP' },
      { port: 54, targetPort: 'dns', protocol: 'TCP' },
      { port: 55, targetPort: 'dns-tcp', protocol: 'TCP' },
    ];
    assert.deepEqual(
      ports(list, { container })?.map(({ port, protocol }) => [port, protocol]),
      [
        [53, 'UDP'],
        [55, undefined],
      ],
    );
  });
});

describe('a Service is not taken over unasked', () => {
  const reason = (of: V1Service, strangers?: V1Pod[]) => view(of, {}, strangers)?.notByDefault;

  it('unless there is nothing against it', () => assert.equal(reason(service([HTTP])), undefined));

  it('when none of its ports leads to the container', () => {
    assert.match(reason(service([{ port: 80, targetPort: 'other' }])) ?? '', /none of its TCP or UDP ports/);
  });

  it('when it is headless', () =>
    assert.match(reason(service([HTTP], { clusterIP: 'None' })) ?? '', /headless/));

  it('when other pods stand behind it too', () => {
    const canary: V1Pod = { metadata: { name: 'canary-1', labels: { app: 'servicename' } } };
    const unrelated: V1Pod = { metadata: { name: 'db-1', labels: { app: 'db' } } };
    assert.match(reason(service([HTTP]), [unrelated, canary]) ?? '', /canary-1/);
    assert.equal(reason(service([HTTP]), [unrelated]), undefined);
  });

  it('when it goes by nodes', () => {
    assert.match(reason(service([HTTP], { internalTrafficPolicy: 'Local' })) ?? '', /Local/);
    assert.match(reason(service([HTTP], { externalTrafficPolicy: 'Local' })) ?? '', /Local/);
    const cluster = { internalTrafficPolicy: 'Cluster', externalTrafficPolicy: 'Cluster' };
    assert.equal(reason(service([HTTP], cluster)), undefined);
  });

  it('when it has ports that nobody would answer, for they are of SCTP', () => {
    assert.match(reason(service([HTTP, { port: 53, protocol: 'SCTP' }])) ?? '', /SCTP/);
    assert.equal(reason(service([HTTP, { port: 53, protocol: 'UDP' }])), undefined);
    assert.equal(reason(service([{ ...HTTP, protocol: 'TCP' }])), undefined);
  });
});

describe('the Services of a namespace', () => {
  let fake: FakeCluster;
  let shop: Target;
  const owned = (name: string, uid: string, labels = { app: 'servicename' }): V1Pod => ({
    metadata: {
      name,
      labels,
      ownerReferences: [{ uid, controller: true, kind: 'x', name: 'x', apiVersion: 'v1' }],
    },
  });

  beforeEach(() => {
    fake = new FakeCluster();
    shop = target();
    const references = owned('', 'uid-servicename').metadata?.ownerReferences ?? [];
    fake.replicaSets.add(
      { metadata: { name: 'new', uid: 'rs-new', ownerReferences: references } },
      { metadata: { name: 'old', uid: 'rs-old', ownerReferences: references } },
      { metadata: { name: 'canary', uid: 'rs-canary' } },
    );
    fake.services.add(service([HTTP]), { metadata: { name: 'other' }, spec: { selector: { app: 'other' } } });
    fake.pods.add(owned('pod-1', 'rs-new'), owned('pod-2', 'rs-old'));
  });

  it('are those that select the workload, whose pods may be of several ReplicaSets', async () => {
    const found = await findServices(fake.cluster, shop);
    assert.deepEqual(
      found.map(({ name, notByDefault }) => [name, notByDefault]),
      [['shop', undefined]],
    );
  });

  it('have names by which a pod calls them, all of the namespace', async () => {
    assert.deepEqual(await serviceNames(fake.cluster), new Set(['shop', 'other']));
  });

  it('are shared when a pod of another workload is behind them', async () => {
    fake.pods.add(owned('canary-1', 'rs-canary'));
    const [found] = await findServices(fake.cluster, shop);
    assert.match(found?.notByDefault ?? '', /canary-1/);
  });

  it('are not shared with the pods of sessions', async () => {
    fake.pods.add({ metadata: { name: 'tp-1', labels: { app: 'servicename', 'tp/session': 'abc' } } });
    const [found] = await findServices(fake.cluster, shop);
    assert.equal(found?.notByDefault, undefined);
  });

  it('of a StatefulSet go by its own pods', async () => {
    const set = target({ kind: 'statefulset' });
    const [shared] = await findServices(fake.cluster, set);
    assert.match(shared?.notByDefault ?? '', /pod-1/);
    fake.pods.items.clear();
    fake.pods.add(owned('servicename-0', 'uid-servicename'));
    const [own] = await findServices(fake.cluster, set);
    assert.equal(own?.notByDefault, undefined);
  });
});
