import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PatchStrategy, setHeaderOptions, V1MicroTime } from '@kubernetes/client-node';
import { GUARDIAN_ASSET } from '../assets.ts';
import { TpError } from '../errors.ts';
import { GUARDED } from '../labels.ts';
import { ask, type Cluster, statusOf } from './client.ts';
import { GUARDIAN_CONTAINER, guardianObjects, leaseOf, type Replaced } from './guardian-objects.ts';
import { waitForProxyPod } from './proxy-pod.ts';

/** A guardian that cannot reach the API server by then (ms) never will. */
const READY_LIMIT_MS = 60_000;

/** How often to look whether everything has gone with the lease (ms). */
const POLL_MS = 200;

const JSON_PATCH = setHeaderOptions('Content-Type', PatchStrategy.JsonPatch);

/**
 * Puts the guardian into the namespace, and waits until it has shown that it could scale back. Throws TpError, with the
 * guardian's own log where it cannot.
 */
export async function startGuardian(
  cluster: Cluster,
  replaced: Replaced,
  waitingFor: (what: string) => void,
  signal: AbortSignal,
  readyLimitMs = READY_LIMIT_MS,
): Promise<void> {
  const { core, apps, rbac, coordination, namespace } = cluster;
  const body = leaseOf(replaced);
  if (body.spec) body.spec.renewTime = new V1MicroTime();
  const lease = await ask('creating the Lease', coordination.createNamespacedLease({ namespace, body }));
  const uid = lease.metadata?.uid ?? '';
  const { name } = replaced;
  const owner = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name, uid, blockOwnerDeletion: true };
  const objects = guardianObjects(replaced, readFileSync(GUARDIAN_ASSET, 'utf8'), owner);
  const { account, role, binding, configMap, deployment } = objects;
  const made = (what: string, making: Promise<unknown>) => ask(`creating the guardian's ${what}`, making);
  const given = async () => {
    await made('Role', rbac.createNamespacedRole({ namespace, body: role }));
    // Not beside it: who is no administrator may only bind a Role that is there, with rights of his own.
    await made('RoleBinding', rbac.createNamespacedRoleBinding({ namespace, body: binding }));
  };
  await Promise.all([
    given(),
    made('ServiceAccount', core.createNamespacedServiceAccount({ namespace, body: account })),
    made('ConfigMap', core.createNamespacedConfigMap({ namespace, body: configMap })),
  ]);
  await made('Deployment', apps.createNamespacedDeployment({ namespace, body: deployment }));
  const late = AbortSignal.timeout(readyLimitMs);
  try {
    await waitForProxyPod({
      cluster,
      labelSelector: `${GUARDED}=${replaced.session}`,
      container: GUARDIAN_CONTAINER,
      until: 'ready',
      progress: { waitingFor },
      signal: AbortSignal.any([signal, late]),
    });
  } catch (error) {
    if (!late.aborted || signal.aborted) throw error;
    throw new TpError(
      'TP_NO_GUARDIAN',
      `the guardian could not scale ${replaced.workload} back: nothing is scaled`,
      {
        hint: await guardianLog(cluster, replaced.session),
        cause: error,
      },
    );
  }
}

/** The end of the guardian's log, for an error's hint. */
async function guardianLog({ core, namespace }: Cluster, session: string): Promise<string> {
  const labelSelector = `${GUARDED}=${session}`;
  const command = `kubectl logs -n ${namespace} -l ${labelSelector}`;
  try {
    const { items } = await core.listNamespacedPod({ namespace, labelSelector });
    const name = items[0]?.metadata?.name ?? '';
    return (await core.readNamespacedPodLog({ name, namespace, tailLines: 5 })) || command;
  } catch {
    return command; // the log may not exist; the command says so
  }
}

/**
 * Says that the session lives. False when its lease has run out or is gone: then the originals are back, or about to be.
 * Throws TpError where the cluster does not answer.
 */
export async function renewLease(
  { coordination, namespace }: Cluster,
  { name, session }: Replaced,
): Promise<boolean> {
  const body = [
    { op: 'test', path: '/spec/holderIdentity', value: session },
    { op: 'replace', path: '/spec/renewTime', value: new V1MicroTime().toISOString() },
  ];
  try {
    await coordination.patchNamespacedLease({ name, namespace, body }, JSON_PATCH);
    return true;
  } catch (error) {
    if (statusOf(error) === 404 || statusOf(error) === 422) return false;
    return await ask('renewing the Lease', Promise.reject(error as Error));
  }
}

/** Deletes the lease, and waits until everything that belongs to it has gone. Throws TpError. */
export async function removeGuardian({ coordination, namespace }: Cluster, name: string): Promise<void> {
  for (let asked = false; ; asked = true) {
    try {
      if (asked) await coordination.readNamespacedLease({ name, namespace });
      else await coordination.deleteNamespacedLease({ name, namespace, propagationPolicy: 'Foreground' });
    } catch (error) {
      if (statusOf(error) === 404) return;
      await ask("removing the guardian's Lease", Promise.reject(error as Error));
    }
    await sleep(POLL_MS);
  }
}
