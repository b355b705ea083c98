import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { V1ContainerStatus, V1Pod, V1PodStatus } from '@kubernetes/client-node';
import { podNamed, waitForProxyPod } from '../../src/cluster/proxy-pod.ts';
import { TpError } from '../../src/errors.ts';
import { quiet, until } from '../images/sockets.ts';
import { ApiServer, json } from './api-server.ts';

const PODS = 'GET /api/v1/namespaces/shop/pods';
const REPLICA_SETS = 'GET /apis/apps/v1/namespaces/shop/replicasets';

let api: ApiServer;
/** The watches that are open. */
let watches: ServerResponse[];
let abort: AbortController;

beforeEach(async () => {
  api = await ApiServer.start();
  watches = [];
  abort = new AbortController();
  api.answers.set(PODS, (_request, response, url) => {
    assert.equal(url.searchParams.get('watch'), 'true');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    watches.push(response);
  });
  api.answers.set(REPLICA_SETS, (_request, response) => json(response, 200, { items: [] }));
});
afterEach(() => api.close());

function wait(what: 'running' | 'ready' = 'running', pendingLimitMs?: number) {
  const told: string[] = [];
  const names: string[] = [];
  const starting: string[] = [];
  const progress = {
    waitingFor: (line: string) => told.push(line),
    named: (name: string) => names.push(name),
    starting: ({ name }: { name: string }) => starting.push(name),
  };
  const pod = waitForProxyPod({
    cluster: api.cluster,
    labelSelector: 'tp/session=abc',
    container: 'app',
    until: what,
    progress,
    signal: abort.signal,
    ...(pendingLimitMs === undefined ? {} : { pendingLimitMs }),
  });
  pod.catch(() => {}); // a test that cares awaits it
  return { pod, told, names, starting };
}

/** Says to all watches that the pod is like this now. */
async function say(
  status: V1PodStatus,
  metadata: V1Pod['metadata'] = {},
  imagePullSecrets: { name: string }[] = [],
): Promise<void> {
  await until(() => watches.length > 0, 'a watch');
  const spec = { containers: [], imagePullSecrets };
  const pod: V1Pod = { metadata: { name: 'tp-1', uid: 'u', ...metadata }, spec, status };
  for (const watch of watches) watch.write(`${JSON.stringify({ type: 'MODIFIED', object: pod })}\n`);
}

const app = (more: Partial<V1ContainerStatus>): V1ContainerStatus => ({
  name: 'app',
  image: 'node:24-slim',
  imageID: '',
  ready: false,
  restartCount: 0,
  ...more,
});
const RUNNING = app({ state: { running: {} } });
const waiting = (reason: string, message?: string) =>
  app({ state: { waiting: { reason, ...(message ? { message } : {}) } } });

async function failure(pod: Promise<unknown>): Promise<TpError> {
  try {
    await pod;
  } catch (error) {
    assert.ok(error instanceof TpError, String(error));
    return error;
  }
  throw new Error('it came');
}

describe('the proxy’s pod', () => {
  it('is told of as soon as its own container is started, before it is said to run', async () => {
    const { pod, starting } = wait();
    await say({ phase: 'Pending', containerStatuses: [waiting('PodInitializing')] });
    await quiet();
    assert.deepEqual(starting, [], 'init containers come first');
    await say({ phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] });
    await until(() => starting.length > 0);
    assert.deepEqual(starting, ['tp-1']);
    await say({ podIP: '10.42.0.7', containerStatuses: [RUNNING] });
    assert.equal((await pod).ip, '10.42.0.7');
  });

  it('is there when its container runs and it has an address', async () => {
    const { pod, told, names } = wait();
    await say({ phase: 'Pending' });
    await say({ phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] });
    await say({ phase: 'Running', containerStatuses: [RUNNING] });
    await say({ phase: 'Running', podIP: '10.42.0.9', containerStatuses: [RUNNING] });
    assert.deepEqual(await pod, {
      name: 'tp-1',
      uid: 'u',
      ip: '10.42.0.9',
      spec: { containers: [], imagePullSecrets: [] },
    });
    assert.equal(told[0], 'the pod to be made');
    assert.ok(told.includes('pod tp-1: ContainerCreating'));
    assert.ok(names.every((name) => name === 'tp-1') && names.length > 0);
    assert.match(api.requests[0] ?? '', /labelSelector=tp%2Fsession%3Dabc/);
  });

  it('is told of while it cannot be scheduled, and while init containers run', async () => {
    const { told } = wait();
    await say({
      conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes: too many pods' }],
    });
    await say({
      initContainerStatuses: [{ ...RUNNING, name: 'migrate' }],
      containerStatuses: [waiting('PodInitializing')],
    });
    await until(() => told.length >= 3);
    assert.deepEqual(told.slice(1), [
      'pod tp-1 to be scheduled: 0/1 nodes: too many pods',
      'init container migrate',
    ]);
    abort.abort();
  });

  it('is ready when all of it is, sidecars too: Services go by that', async () => {
    const { pod, told } = wait('ready');
    const status = { phase: 'Running', podIP: '10.42.0.9', containerStatuses: [{ ...RUNNING, ready: true }] };
    const others = { type: 'ContainersReady', status: 'True' };
    await say({ ...status, conditions: [others, { type: 'Ready', status: 'False' }] });
    await until(() => told.includes('pod tp-1 to be ready'));
    await say({ ...status, conditions: [{ type: 'Ready', status: 'True' }] });
    assert.equal((await pod).name, 'tp-1');
  });

  it('is not the one that is being deleted', async () => {
    const { pod, names } = wait();
    const status = { phase: 'Running', podIP: '10.42.0.9', containerStatuses: [RUNNING] };
    await say(status, { name: 'old', deletionTimestamp: new Date() });
    await say(status, { name: 'new' });
    assert.equal((await pod).name, 'new');
    assert.deepEqual(names, ['new']);
  });

  for (const reason of ['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName']) {
    it(`does not come with ${reason}, which is said at once, with the flag`, async () => {
      const { pod } = wait();
      await say({ containerStatuses: [waiting(reason, 'no such image')] });
      const error = await failure(pod);
      assert.equal(error.code, 'TP_PROXY_PULL');
      assert.match(error.message, new RegExp(`${reason} in container app of tp-1: no such image`));
      assert.match(error.hint ?? '', /--proxy-image/);
    });
  }

  for (const [secrets, said] of [
    [[], /they have none/],
    [['registry-login', 'other'], /they have registry-login, other/],
  ] as const) {
    it(`does not come without its image: the hint says that its pull secrets are ${secrets.join() || 'none'}`, async () => {
      const { pod } = wait();
      const status = { containerStatuses: [waiting('ErrImagePull', '401 Unauthorized')] };
      await say(
        status,
        {},
        secrets.map((name) => ({ name })),
      );
      assert.match((await failure(pod)).hint ?? '', said);
    });
  }

  it('does not come when it crashes, which is said with its log', async () => {
    api.answers.set('GET /api/v1/namespaces/shop/pods/tp-1/log', (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('Error: EADDRINUSE');
    });
    const { pod } = wait();
    await say({
      containerStatuses: [
        { ...waiting('CrashLoopBackOff'), lastState: { terminated: { exitCode: 1, message: 'it died' } } },
      ],
    });
    const error = await failure(pod);
    assert.equal(error.code, 'TP_PROXY_FAILED');
    assert.match(error.message, /it died/);
    assert.match(error.hint ?? '', /EADDRINUSE/);
  });

  it('does not come when a sidecar or an init container cannot', async () => {
    const { pod } = wait();
    await say({ initContainerStatuses: [{ ...waiting('ErrImagePull'), name: 'migrate' }] });
    assert.match((await failure(pod)).message, /in container migrate/);
  });

  const REFUSALS: [string, string, RegExp][] = [
    ['pods "tp-1" is forbidden: exceeded quota: team, requested: pods=1', 'TP_QUOTA', /describe quota team$/],
    ['failed quota: team: must specify limits.cpu for: app', 'TP_QUOTA', /describe quota team$/],
    [
      'pods "tp-1" is forbidden: violates PodSecurity "restricted:latest": privileged',
      'TP_POD_SECURITY',
      /--without/,
    ],
    ['admission webhook "images.example" denied the request: not signed', 'TP_ADMISSION', /images\.example/],
    ["ValidatingAdmissionPolicy 'owners' with binding 'all' denied request", 'TP_ADMISSION', /owners/],
    ['something else', 'TP_PROXY_REFUSED', /^$/],
  ];
  for (const [message, code, hint] of REFUSALS) {
    it(`does not come when the cluster refuses to make it: ${message.slice(0, 60)}`, async () => {
      api.answers.set(REPLICA_SETS, (_request, response) => {
        const conditions = [{ type: 'ReplicaFailure', status: 'True', message }];
        json(response, 200, { items: [{ status: { replicas: 0, conditions } }] });
      });
      const error = await failure(wait().pod);
      assert.equal(error.code, code);
      assert.ok(error.message.includes(message));
      assert.match(error.hint ?? '', hint);
    });
  }

  it('does not come when no node takes it for long, for the reason given', async () => {
    const { pod } = wait('running', 300);
    await say({ conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes: no room' }] });
    const error = await failure(pod);
    assert.equal(error.code, 'TP_PENDING');
    assert.match(error.message, /no node took the proxy's pod in 0 s: 0\/1 nodes: no room/);
  });

  it('may take long once a node has it', async () => {
    const { pod, told } = wait('running', 50);
    await say({ conditions: [{ type: 'PodScheduled', status: 'False', message: 'no room' }] });
    await say({ conditions: [{ type: 'PodScheduled', status: 'True' }], phase: 'Pending' });
    await until(() => told.includes('pod tp-1: Pending'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await say({ phase: 'Running', podIP: '10.42.0.9', containerStatuses: [RUNNING] });
    assert.equal((await pod).name, 'tp-1');
  });

  it('is not waited for any more once the session is interrupted', async () => {
    const { pod } = wait();
    await until(() => watches.length === 1);
    const reason = new Error('interrupted');
    abort.abort(reason);
    await assert.rejects(pod, reason);
  });

  it('is watched anew when the server ends the watch', async () => {
    const { pod } = wait();
    await until(() => watches.length === 1);
    watches.pop()?.end();
    await until(() => watches.length === 1, 'another watch');
    await say({ phase: 'Running', podIP: '10.42.0.9', containerStatuses: [RUNNING] });
    assert.equal((await pod).ip, '10.42.0.9');
  });

  it('is watched anew, but not in haste, while the server is away', async () => {
    const watch = api.answers.get(PODS);
    api.answers.set(PODS, (_request, response) => json(response, 503, { message: 'starting' }));
    const { pod } = wait();
    await quiet(600);
    const tries = api.requests.filter((line) => line.startsWith(PODS)).length;
    assert.ok(tries >= 2 && tries <= 5, `${tries} tries`);
    if (watch) api.answers.set(PODS, watch);
    await say({ phase: 'Running', podIP: '10.42.0.9', containerStatuses: [RUNNING] });
    assert.equal((await pod).ip, '10.42.0.9');
  });

  it('cannot be waited for by who may not look', async () => {
    api.answers.set(PODS, (_request, response) => json(response, 403, { message: 'pods is forbidden' }));
    assert.equal((await failure(wait().pod)).code, 'TP_FORBIDDEN');
  });
});

describe('the name of a caller', () => {
  it('is that of the pod with its address, or the address', async () => {
    api.answers.set(PODS, (_request, response, url) => {
      const found = url.searchParams.get('fieldSelector') === 'status.podIP=10.42.0.7';
      json(response, 200, { items: found ? [{ metadata: { name: 'frontend-7c9' } }] : [] });
    });
    assert.equal(await podNamed(api.cluster, '10.42.0.7'), 'frontend-7c9');
    assert.equal(await podNamed(api.cluster, '10.42.0.8'), '10.42.0.8');
  });
});
