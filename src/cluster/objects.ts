import type { V1ConfigMap, V1Deployment, V1DeploymentList, V1Service } from '@kubernetes/client-node';
import { SESSION } from '../labels.ts';
import { ask, type Cluster, statusOf } from './client.ts';
import { giveBackService, heldServices } from './takeover.ts';

/** What a session puts into the namespace. */
export interface SessionObjects {
  configMap: V1ConfigMap;
  deployment: V1Deployment;
  /** The headless Service by which the proxy finds the original pods. */
  shadow: V1Service | undefined;
}

/** Creates the objects; the Deployment last, so that its pod finds the rest. Throws TpError. */
export async function createObjects(cluster: Cluster, objects: SessionObjects): Promise<void> {
  const { core, apps, namespace } = cluster;
  const { configMap, shadow, deployment } = objects;
  await Promise.all([
    ask("creating the proxy's ConfigMap", core.createNamespacedConfigMap({ namespace, body: configMap })),
    shadow && ask('creating the headless Service', core.createNamespacedService({ namespace, body: shadow })),
  ]);
  await ask(
    "creating the proxy's Deployment",
    apps.createNamespacedDeployment({ namespace, body: deployment }),
  );
}

/** Gives back every Service that the session holds: first of all, for from then on nobody notices the rest. */
export async function giveBackServices(cluster: Cluster, session: string): Promise<string[]> {
  const names = await heldServices(cluster, session);
  await Promise.all(names.map((name) => giveBackService(cluster, name, session)));
  return names;
}

/** Deletes something, which may be gone already. Throws TpError. */
async function remove(what: string, deleting: Promise<unknown>): Promise<void> {
  try {
    await deleting;
  } catch (error) {
    if (statusOf(error) !== 404) await ask(`deleting ${what}`, Promise.reject(error));
  }
}

/**
 * Marks the session as undone, by the removal of its ConfigMap, before anything else is undone: its own process, wherever it
 * runs, then does not take back what is given back. The running pod keeps what it has mounted. Throws TpError.
 */
export async function endSession({ core, namespace }: Cluster, session: string): Promise<void> {
  const labelSelector = `${SESSION}=${session}`;
  const { items } = await ask(
    'listing ConfigMaps',
    core.listNamespacedConfigMap({ namespace, labelSelector }),
  );
  const names = items.map(({ metadata }) => metadata?.name ?? '');
  await Promise.all(
    names.map((name) => remove(`ConfigMap ${name}`, core.deleteNamespacedConfigMap({ name, namespace }))),
  );
}

/** Whether the session is, or is being, undone. Throws TpError. */
export async function isEnded({ core, namespace }: Cluster, session: string): Promise<boolean> {
  const labelSelector = `${SESSION}=${session}`;
  const { items } = await ask(
    'listing ConfigMaps',
    core.listNamespacedConfigMap({ namespace, labelSelector }),
  );
  return items.length === 0;
}

/**
 * Deletes all objects of the session, and waits until its pods are gone. The pods have `graceSeconds` to finish what
 * is under way. Throws TpError.
 */
export async function deleteObjects(
  cluster: Cluster,
  session: string,
  graceSeconds: number,
  waitingFor: (what: string) => void = () => {},
): Promise<void> {
  const { core, apps, namespace } = cluster;
  const labelSelector = `${SESSION}=${session}`;
  const [deployments, configMaps, services] = await Promise.all([
    seenDeployments(cluster, labelSelector),
    ask('listing ConfigMaps', core.listNamespacedConfigMap({ namespace, labelSelector })),
    ask('listing Services', core.listNamespacedService({ namespace, labelSelector })),
  ]);
  const names = (list: { items: { metadata?: { name?: string } }[] }) =>
    list.items.map((item) => item.metadata?.name ?? '');
  await Promise.all([
    ...names(deployments).map((name) =>
      remove(
        `Deployment ${name}`,
        apps.deleteNamespacedDeployment({ name, namespace, propagationPolicy: 'Background' }),
      ),
    ),
    ...names(configMaps).map((name) =>
      remove(`ConfigMap ${name}`, core.deleteNamespacedConfigMap({ name, namespace })),
    ),
    ...names(services).map((name) =>
      remove(`Service ${name}`, core.deleteNamespacedService({ name, namespace })),
    ),
  ]);
  await deletePods(cluster, labelSelector, graceSeconds, waitingFor);
}

/** A controller that has not seen a Deployment by then (ms) is not there: then nothing makes a pod. */
const SEEN_LIMIT_MS = 2_000;

/**
 * The Deployments, once their controller has seen them: one that is deleted before that may get its pod all the same, a moment
 * after nothing of it could be found.
 */
async function seenDeployments(
  { apps, namespace }: Cluster,
  labelSelector: string,
): Promise<V1DeploymentList> {
  const end = performance.now() + SEEN_LIMIT_MS;
  for (;;) {
    const list = await ask(
      'listing Deployments',
      apps.listNamespacedDeployment({ namespace, labelSelector }),
    );
    const unseen = list.items.some(
      ({ metadata, status }) => metadata?.creationTimestamp && status?.observedGeneration === undefined,
    );
    if (!unseen || performance.now() > end) return list;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** How often to look whether the pods have gone (ms). */
const POLL_MS = 100;

async function deletePods(
  { core, apps, namespace }: Cluster,
  labelSelector: string,
  gracePeriodSeconds: number,
  waitingFor: (what: string) => void,
): Promise<void> {
  const asked = new Set<string>();
  for (;;) {
    const [pods, sets] = await Promise.all([
      ask('listing Pods', core.listNamespacedPod({ namespace, labelSelector })),
      ask('listing ReplicaSets', apps.listNamespacedReplicaSet({ namespace, labelSelector })),
    ]);
    if (pods.items.length === 0 && sets.items.length === 0) return;
    for (const { metadata } of pods.items) {
      const name = metadata?.name ?? '';
      waitingFor(`pod ${name} to end`);
      if (asked.has(metadata?.uid ?? '')) continue;
      asked.add(metadata?.uid ?? '');
      await remove(`pod ${name}`, core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds }));
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Sessions that have objects in the namespace, with the owner's annotation as it is. Throws TpError. */
export async function listSessions({
  apps,
  core,
  namespace,
}: Cluster): Promise<Map<string, Record<string, string>>> {
  const [deployments, configMaps, services] = await Promise.all([
    ask('listing Deployments', apps.listNamespacedDeployment({ namespace, labelSelector: SESSION })),
    ask('listing ConfigMaps', core.listNamespacedConfigMap({ namespace, labelSelector: SESSION })),
    ask('listing Services', core.listNamespacedService({ namespace })),
  ]);
  const sessions = new Map<string, Record<string, string>>();
  for (const { metadata } of [...configMaps.items, ...deployments.items]) {
    const session = metadata?.labels?.[SESSION];
    if (session) sessions.set(session, metadata?.annotations ?? {});
  }
  for (const { spec } of services.items) {
    const session = spec?.selector?.[SESSION];
    if (session && !sessions.has(session)) sessions.set(session, {});
  }
  return sessions;
}
