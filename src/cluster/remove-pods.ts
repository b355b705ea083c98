import type { V1Deployment, V1PodList, V1ReplicaSet } from '@kubernetes/client-node';
import { ask, type Cluster, statusOf } from './client.ts';
import { watch } from './watch.ts';

/** How often to look how far it is (ms); and for what takes but a few of the cluster's own requests. */
const POLL_MS = 100;
const BRIEF_POLL_MS = 25;

/** A controller that has made no pod by then (ms) is not there, or makes none. */
const MADE_LIMIT_MS = 2_000;

/** Deletes something, which may be gone already. Throws TpError. */
export async function remove(what: string, deleting: Promise<unknown>): Promise<void> {
  try {
    await deleting;
  } catch (error) {
    if (statusOf(error) !== 404) await ask(`deleting ${what}`, Promise.reject(error));
  }
}

/**
 * Deletes the Deployment with that label and what it made, and waits until all of it is gone. What it made is left to the
 * garbage collector: a ReplicaSet without an owner would be adopted by the original Deployment, which selects its labels.
 * Throws TpError.
 */
export async function removePods(
  cluster: Cluster,
  labelSelector: string,
  graceSeconds: number,
  waitingFor: (what: string) => void,
): Promise<void> {
  const { apps, namespace } = cluster;
  const deployments = async () =>
    (await ask('listing Deployments', apps.listNamespacedDeployment({ namespace, labelSelector }))).items;
  const sets = async () =>
    (await ask('listing ReplicaSets', apps.listNamespacedReplicaSet({ namespace, labelSelector }))).items;
  await untilMade(deployments, sets);
  for (const { metadata } of await deployments()) {
    const name = metadata?.name ?? '';
    const deletion = apps.deleteNamespacedDeployment({ name, namespace, propagationPolicy: 'Background' });
    await remove(`Deployment ${name}`, deletion);
  }
  await deletePods(cluster, labelSelector, sets, graceSeconds, waitingFor);
}

/** Waits until the controllers have made what they were asked for: what is on its way would arrive after all was found gone. */
async function untilMade(
  deployments: () => Promise<V1Deployment[]>,
  sets: () => Promise<V1ReplicaSet[]>,
): Promise<void> {
  const end = performance.now() + MADE_LIMIT_MS;
  for (;;) {
    const wanted = await deployments();
    if (wanted.length === 0 || performance.now() > end) return;
    const made = await sets();
    const isMade = ({ metadata }: V1Deployment) =>
      made.some(
        (set) =>
          set.metadata?.ownerReferences?.some(({ uid }) => uid === metadata?.uid) &&
          (set.status?.replicas ?? 0) >= (set.spec?.replicas ?? 1),
      );
    if (wanted.every(isMade)) return;
    await pause(BRIEF_POLL_MS);
  }
}

async function deletePods(
  { api, core, namespace }: Cluster,
  labelSelector: string,
  sets: () => Promise<V1ReplicaSet[]>,
  gracePeriodSeconds: number,
  waitingFor: (what: string) => void,
): Promise<void> {
  const asked = new Set<string>();
  let collected = false;
  const ended = new AbortController();
  let onChange = () => {};
  // It only spares the wait for the next look: without it, as where it may not watch, one comes soon.
  watch(api, `/api/v1/namespaces/${namespace}/pods`, { labelSelector }, () => onChange(), ended.signal).catch(
    () => {},
  );
  try {
    for (;;) {
      const change = new Promise<void>((resolve) => {
        onChange = resolve;
      });
      const [pods, made]: [V1PodList, V1ReplicaSet[]] = await Promise.all([
        ask('listing Pods', core.listNamespacedPod({ namespace, labelSelector })),
        collected ? [] : sets(),
      ]);
      // Without their Deployment none comes again.
      collected ||= made.length === 0;
      if (pods.items.length === 0 && collected) return;
      for (const { metadata, status } of pods.items) {
        const name = metadata?.name ?? '';
        waitingFor(`pod ${name} to end`);
        // Its node says that nothing runs in it any more, and may clear up for another second: nobody waits for that.
        const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
        const request = `${metadata?.uid} ${isOver}`;
        if (asked.has(request)) continue;
        asked.add(request);
        const grace = isOver ? 0 : gracePeriodSeconds;
        const deletion = core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: grace });
        // Where that may not be, one that was deleted before goes later.
        if (isOver && asked.has(`${metadata?.uid} false`)) await deletion.catch(() => {});
        else await remove(`pod ${name}`, deletion);
      }
      await Promise.race([change, pause(POLL_MS)]);
    }
  } finally {
    ended.abort();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
