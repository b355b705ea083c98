/** --replace: the originals are away while the session is there, and come back however it ends. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Account, entriesOf, writeKubeconfig } from './harness/access.ts';
import { apply, callService, kubeconfig, kubectl, kubectlJson } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { Load } from './harness/load.ts';
import { otherMachine } from './harness/other-machine.ts';
import { clusterObjects, dockerObjects } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';
const SWITCHED = /Service servicename is switched/;
const RATE = 20;

/** An original that is started again takes a few seconds; a caller that waits for it is as patient as most (ms). */
const PATIENCE_MS = 20_000;

/** A lease that was shortened is noticed by the guardian's next look, and pods take a few seconds to start (ms). */
const BACK_LIMIT_MS = 30_000;

const SCALER = 'tp-e2e-replace';

const replicas = async () =>
  (await kubectlJson<{ spec: { replicas: number } }>('get', 'deployment/servicename')).spec.replicas;
const originals = async () =>
  (await kubectl('get', 'pods', '-l', 'app=servicename,!tp/session', '-o', 'name'))
    .split('\n')
    .filter(Boolean);
const leaseOf = ({ session }: Tp) => `lease/tp-servicename-${session}-guardian`;
const answeredBy = async () =>
  (JSON.parse(await callService('http://servicename/who')) as { hostname: string }).hostname;

/** Everything but the originals' pods, which are others afterwards. */
async function rest(): Promise<unknown> {
  const objects = Object.entries(await clusterObjects()).filter(
    ([key]) => !key.includes('/Pod/servicename-'),
  );
  return { objects, leases: await kubectl('get', 'leases', '-o', 'name'), docker: await dockerObjects() };
}

describe('--replace', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tp-e2e-replace-'));
  let untouched: unknown;
  before(async () => {
    // It would scale the originals up to two at once, if zero were not the end of its power.
    await apply(
      JSON.stringify({
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: SCALER },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'servicename' },
          minReplicas: 2,
          maxReplicas: 3,
          metrics: [
            {
              type: 'Resource',
              resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 90 } },
            },
          ],
        },
      }),
    );
    assert.equal(await replicas(), 2);
    untouched = await rest();
  });
  after(async () => {
    await kubectl('delete', 'hpa', SCALER);
    rmSync(folder, { recursive: true });
  });

  test('with the Role that it prints: the originals go, and come back before the Services do', async () => {
    const account = await Account.create('tp-e2e-replacer', { replace: true });
    try {
      const { cluster } = await entriesOf(kubeconfig);
      const user = { token: await account.token() };
      const limited = writeKubeconfig(folder, 'limited', { cluster, user });
      await using session = await Tp.session(['--kubeconfig', limited, '--replace', IMAGE], SWITCHED);
      assert.deepEqual([await replicas(), await originals()], [0, []]);
      assert.match(session.stderr, /scaling deployment\/servicename to zero/);
      await eventually(answeredBy, (host) => host.startsWith(`tp-servicename-${session.session}`));
      const load = await Load.start('http://servicename/who', RATE, { patienceMs: PATIENCE_MS });
      await session.end('SIGINT');
      const { failures, by } = await load.stop();
      assert.deepEqual(failures, []);
      assert.ok(
        Object.keys(by).some((host) => host.startsWith('servicename-')),
        JSON.stringify(by),
      );
    } finally {
      await account.remove();
    }
    assert.deepEqual(await rest(), untouched);
  });

  test('without these rights: it is refused with what is missing, and nothing is changed', async () => {
    const account = await Account.create('tp-e2e-replacer');
    try {
      const { cluster } = await entriesOf(kubeconfig);
      const limited = writeKubeconfig(folder, 'limited', { cluster, user: { token: await account.token() } });
      const objects = await clusterObjects();
      const { code, stderr } = await tp('docker-run', '--kubeconfig', limited, '--replace', IMAGE);
      assert.equal(code, 125);
      assert.match(
        stderr,
        /may not: .*patch deployments\/scale.*create serviceaccounts.*create rolebindings.*TP_FORBIDDEN/,
      );
      assert.deepEqual(await clusterObjects(), objects);
    } finally {
      await account.remove();
    }
  });

  test('kill -9 of the CLI: when the lease has run out the guardian brings the originals back', async () => {
    await using session = await Tp.session(['--replace', IMAGE], SWITCHED);
    assert.equal(await replicas(), 0);
    await session.end('SIGKILL');
    const shorter = { spec: { leaseDurationSeconds: 3 } };
    await kubectl('patch', leaseOf(session), '--type', 'merge', '-p', JSON.stringify(shorter));
    await eventually(replicas, (count) => count === 2, BACK_LIMIT_MS);
    await kubectl('rollout', 'status', 'deployment/servicename', '--timeout=60s');
    await kubectl(
      'wait',
      'pod',
      '-l',
      `tp/session=${session.session}`,
      '--for=condition=Ready',
      '--timeout=60s',
    );
    await eventually(answeredBy, (host) => host.startsWith('servicename-'));
    const { code, stderr } = await tp('leave', session.session);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await rest(), untouched);
  });

  test('kill -9 of the CLI on another machine: `tp leave` brings the originals back', async () => {
    await using session = await otherMachine.session(['--replace', IMAGE], SWITCHED);
    const again = await tp('docker-run', '--replace', '--evict', IMAGE);
    assert.equal(again.code, 125);
    assert.match(
      again.stderr,
      new RegExp(`is replaced by the session ${session.session} already \\[TP_REPLACED\\]`),
    );
    await session.end('SIGKILL');
    const { code, stderr } = await tp('leave', session.session, '--yes');
    assert.equal(code, 0, stderr);
    assert.equal(await replicas(), 2);
    assert.deepEqual(await rest(), untouched);
  });

  test('a session whose lease was taken from it ends, and says why', async () => {
    await using session = await Tp.session(['--replace', IMAGE], SWITCHED);
    const taken = { spec: { holderIdentity: '' } };
    await kubectl('patch', leaseOf(session), '--type', 'merge', '-p', JSON.stringify(taken));
    await session.says(/the lease on deployment\/servicename has run out or was removed.*TP_LEASE_LOST/);
    assert.equal(await session.exited, 125);
    assert.equal(await replicas(), 2);
    assert.deepEqual(await rest(), untouched);
  });
});
