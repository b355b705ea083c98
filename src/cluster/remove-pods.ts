import type { V1Deployment, V1Pod, V1PodList, V1ReplicaSet } from '@kubernetes/client-node';
import { ask, type Cluster, statusOf } from './client.ts';
import { isNativeSidecar } from './native-sidecar.ts';
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

/** How pods end. */
export interface PodsEnd {
  /** They have so long (s) to finish what is under way. */
  graceSeconds: number;
  /** Names what is waited for. */
  waitingFor?(what: string): void;
  /** Resolves with the uid of a pod whose process exits, sooner than its node tells. */
  departed?: Promise<string> | undefined;
}

/**
 * Deletes the Deployment with that label and what it made, and waits until all of it is gone. What it made is left to the
 * garbage collector: a ReplicaSet without an owner would be adopted by the original Deployment, which selects its labels.
 * Throws TpError.
 */
export async function removePods(cluster: Cluster, labelSelector: string, podsEnd: PodsEnd): Promise<void> {
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
  await deletePods(cluster, labelSelector, sets, podsEnd);
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
  cluster: Cluster,
  labelSelector: string,
  sets: () => Promise<V1ReplicaSet[]>,
  { graceSeconds, waitingFor = () => {}, departed }: PodsEnd,
): Promise<void> {
  const { core, namespace } = cluster;
  /** With which grace (s) each was deleted, by uid. */
  const deleted = new Map<string, number>();
  let collected = false;
  let departedUid: string | undefined;
  void departed?.then((uid) => {
    departedUid = uid;
  });
  using cleanup = new DisposableStack();
  const ended = cleanup.adopt(new AbortController(), (each) => each.abort());
  const nextChange = podChanges(cluster, labelSelector, departed, ended.signal);
  for (;;) {
    const change = nextChange();
    const [pods, made]: [V1PodList, V1ReplicaSet[]] = await Promise.all([
      ask('listing Pods', core.listNamespacedPod({ namespace, labelSelector })),
      collected ? [] : sets(),
    ]);
    // Without their Deployment none comes again.
    collected ||= made.length === 0;
    if (pods.items.length === 0 && collected) return;
    for (const pod of pods.items) {
      const { name = '', uid = '' } = pod.metadata ?? {};
      waitingFor(`pod ${name} to end`);
      const before = deleted.get(uid);
      // Nothing runs in it any more, and its node may clear up for another second: nobody waits for that.
      const over = isOver(pod) || (uid === departedUid && isAlone(pod));
      const gracePeriodSeconds = over && before !== undefined ? 0 : graceSeconds;
      if (before === gracePeriodSeconds) continue;
      deleted.set(uid, gracePeriodSeconds);
      const deletion = core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds });
      // Where that may not be, one that was deleted before goes later.
      if (before !== undefined) await deletion.catch(() => {});
      else await remove(`pod ${name}`, deletion);
    }
    await Promise.race([change, pause(POLL_MS)]);
  }
}

const isOver = ({ status }: V1Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** Whether the proxy is all that runs in the pod: no container of the workload beside it has a grace of its own. */
const isAlone = ({ spec }: V1Pod): boolean =>
  spec?.containers.length === 1 && !spec.initContainers?.some(isNativeSidecar);

/**
 * Gives a function that resolves at the next change of a pod with that label, or when one has departed. It only spares the wait
 * for the next look: without the watch, as where it is not allowed, one comes soon.
 */
function podChanges(
  { api, namespace }: Cluster,
  labelSelector: string,
  departed: Promise<unknown> | undefined,
  signal: AbortSignal,
): () => Promise<void> {
  let onChange = () => {};
  void departed?.then(() => onChange());
  const path = `/api/v1/namespaces/${namespace}/pods`;
  watch(api, path, { labelSelector }, () => onChange(), signal).catch(() => {});
  return () =>
    new Promise((resolve) => {
      onChange = resolve;
    });
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
