import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { V1Pod } from '@kubernetes/client-node';
import { LINK_LOG, logLine } from '../../images/proxy/link-log.ts';
import type { Docker } from '../../src/docker/connect.ts';
import { TpError } from '../../src/errors.ts';
import { CONTEXT, NAMESPACE, OWNER, type Owner, ownOwner, SESSION, WORKLOAD } from '../../src/labels.ts';
import { gatherSessions, type Sides } from '../../src/status/gather.ts';
import { serveReport } from '../../src/status/socket.ts';
import { FakeCluster, refusal } from '../cluster-side/fake-cluster.ts';

const MINE = 'aaaaaaaaaa';
const ELSEWHERE = 'bbbbbbbbbb';
const DEAD = 'cccccccccc';
const me = ownOwner();
const ann: Owner = { ...me, user: 'ann', host: 'desk', machine: 'f00' };
const dead: Owner = { ...me, pid: 1, started: 'never' };
const SINCE = new Date('2026-11-23T09:00:00.000Z');
const previous = process.env.XDG_RUNTIME_DIR;
let runtime: string;
let fake: FakeCluster;
let stops: (() => void)[];
const failures: Error[] = [];

/** What a session has in the cluster. */
function deployed(session: string, owner: Owner): void {
  const metadata = {
    name: `tp-shop-${session}`,
    labels: { [SESSION]: session },
    annotations: { [OWNER]: JSON.stringify(owner), [WORKLOAD]: 'deployment/shop' },
    creationTimestamp: SINCE,
  };
  fake.configMaps.add({ metadata, data: { 'config.json': '{"ports":[8080]}' } });
  fake.services.add({
    metadata: { name: `shop-${session}` },
    spec: { selector: { [SESSION]: session }, ports: [{ port: 80, targetPort: 'http' }] },
  });
  const pod = {
    metadata,
    spec: { containers: [{ name: 'side' }, { name: 'app', command: ['node', '/tp-proxy/proxy.mjs'] }] },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  };
  fake.pods.add(pod as V1Pod);
}

const container = (session: string, owner: Owner) => ({
  Created: SINCE.getTime() / 1_000,
  Labels: {
    [SESSION]: session,
    [OWNER]: JSON.stringify(owner),
    [CONTEXT]: 'test',
    [NAMESPACE]: 'shop',
  },
});

/** A process that answers. */
function answers(session: string): void {
  const stop = serveReport(session, 'status', async () => ({
    labels: container(session, me).Labels,
    since: SINCE.toISOString(),
    services: [
      { name: `shop-${session}`, ports: [{ port: 80, pod: 8080 }] },
      { name: 'later', ports: [{ port: 81, pod: 8081 }] },
    ],
    ports: [{ pod: 8080, process: 3000 }],
    link: { state: 'connected', sentBytes: 7 },
    features: ['TUN device'],
  }));
  stops.push(stop);
}

function sides(containers: object[] = [], more: Partial<Sides> = {}): Sides {
  return {
    docker: {
      listContainers: async () => containers,
      listVolumes: async () => ({ Volumes: null }),
    } as unknown as Docker,
    cluster: fake.cluster,
    reach: () => {
      throw new TpError('TP_NO_CONTEXT', 'no such context');
    },
    onFailure: (error) => void failures.push(error),
    ...more,
  };
}

beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), 'tp-gather-'));
  process.env.XDG_RUNTIME_DIR = runtime;
  fake = new FakeCluster();
  failures.length = 0;
  stops = [];
});
afterEach(() => {
  for (const stop of stops) stop();
  if (previous === undefined) delete process.env.XDG_RUNTIME_DIR;
  else process.env.XDG_RUNTIME_DIR = previous;
  rmSync(runtime, { recursive: true });
});

describe('the status of sessions', () => {
  it('is what a live one says of itself, and what the cluster says of its Services', async () => {
    deployed(MINE, me);
    answers(MINE);
    const { sessions, looked } = await gatherSessions(sides([container(MINE, me)]), false);
    assert.equal(looked, true);
    const [only] = sessions;
    assert.equal(only?.process, 'running');
    assert.equal(only.link.sentBytes, 7);
    assert.deepEqual(only.ports, [{ pod: 8080, process: 3000 }]);
    assert.deepEqual(
      only.services.map(({ name, switched }) => [name, switched]),
      [
        [`shop-${MINE}`, true],
        ['later', false],
      ],
    );
    assert.ok(!fake.requests.includes(`log tp-shop-${MINE}`), 'nobody has to be asked of its link');
  });

  it('of others is shown with all, from their objects and the log of their proxy', async () => {
    deployed(ELSEWHERE, ann);
    fake.logs.set(`tp-shop-${ELSEWHERE}`, `${logLine(LINK_LOG.joined, SINCE)}\nmore\n`);
    assert.deepEqual((await gatherSessions(sides(), false)).sessions, []);
    const [only] = (await gatherSessions(sides(), true)).sessions;
    assert.deepEqual(only, {
      session: ELSEWHERE,
      process: 'elsewhere',
      owner: { user: 'ann', host: 'desk' },
      since: SINCE.toISOString(),
      workload: 'deployment/shop',
      context: 'test',
      namespace: 'shop',
      services: [{ name: `shop-${ELSEWHERE}`, ports: [{ port: 80, pod: 'http' }], switched: true }],
      ports: [{ pod: 8080 }],
      link: { state: 'connected', since: SINCE.toISOString() },
      proxy: { pod: `tp-shop-${ELSEWHERE}`, ready: true },
      features: [],
    });
  });

  it('of one that was killed here says so', async () => {
    const [only] = (await gatherSessions(sides([container(DEAD, dead)]), false)).sessions;
    assert.equal(only?.process, 'ended');
    assert.deepEqual(only.link, { state: 'gone' });
    assert.equal(only.since, SINCE.toISOString());
  });

  it('of one that lives here and does not answer says so', async () => {
    deployed(MINE, me);
    fake.logs.set(`tp-shop-${MINE}`, logLine(LINK_LOG.silent, SINCE));
    const [only] = (await gatherSessions(sides([container(MINE, me)]), false)).sessions;
    assert.deepEqual([only?.process, only?.link.state], ['silent', 'silent']);
  });

  it('leaves open what a log does not say that may not be read', async () => {
    deployed(ELSEWHERE, ann);
    fake.before = (request) => {
      if (request.startsWith('log')) throw refusal(403, 'pods/log is forbidden');
    };
    const [only] = (await gatherSessions(sides(), true)).sessions;
    assert.deepEqual(only?.link, { state: 'unknown' });
    assert.deepEqual(failures, []);
  });

  it('is of Docker and the processes where the cluster does not answer', async () => {
    fake.before = () => {
      throw refusal(503, 'later');
    };
    answers(MINE);
    const { sessions, looked } = await gatherSessions(sides([container(DEAD, dead)]), false);
    assert.equal(looked, true);
    assert.deepEqual(sessions.map(({ session }) => session).sort(), [MINE, DEAD]);
    assert.equal(sessions.find(({ session }) => session === MINE)?.services[0]?.switched, undefined);
    assert.equal(failures.length, 1);
  });

  it('is of the cluster where Docker is not there; where neither is, nothing was looked at', async () => {
    deployed(MINE, me);
    const first = await gatherSessions(sides([], { docker: undefined }), false);
    assert.deepEqual([first.sessions.length, first.looked], [1, true]);
    answers(MINE);
    const second = await gatherSessions(sides([], { docker: undefined, cluster: undefined }), false);
    assert.deepEqual([second.sessions.length, second.looked], [1, false]);
  });

  it('looks into the namespaces of this machine’s sessions, for these only', async () => {
    deployed(MINE, me);
    deployed(ELSEWHERE, ann);
    const here = new FakeCluster();
    const cluster = { ...here.cluster, namespace: 'another' };
    const { sessions } = await gatherSessions(
      sides([container(MINE, me)], { cluster, reach: () => fake.cluster }),
      true,
    );
    assert.deepEqual(
      sessions.map(({ session, namespace, services }) => [session, namespace, services.length]),
      [[MINE, 'shop', 1]],
    );
  });
});
