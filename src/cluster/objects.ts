import type { V1ConfigMap, V1Deployment, V1Service } from '@kubernetes/client-node';
import { SESSION } from '../labels.ts';
import { ask, type Cluster } from './client.ts';
import { type PodsEnd, remove, removePods } from './remove-pods.ts';
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
 * Deletes all objects of the session, and waits until its pods are gone. The pods have time to finish what is
 * under way. Throws TpError.
 */
export async function deleteObjects(cluster: Cluster, session: string, podsEnd: PodsEnd): Promise<void> {
  const { core, namespace } = cluster;
  const labelSelector = `${SESSION}=${session}`;
  const [configMaps, services] = await Promise.all([
    ask('listing ConfigMaps', core.listNamespacedConfigMap({ namespace, labelSelector })),
    ask('listing Services', core.listNamespacedService({ namespace, labelSelector })),
  ]);
  const names = (list: { items: { metadata?: { name?: string } }[] }) =>
    list.items.map((item) => item.metadata?.name ?? '');
  await Promise.all([
    removePods(cluster, labelSelector, podsEnd),
    ...names(configMaps).map((name) =>
      remove(`ConfigMap ${name}`, core.deleteNamespacedConfigMap({ name, namespace })),
    ),
    ...names(services).map((name) =>
      remove(`Service ${name}`, core.deleteNamespacedService({ name, namespace })),
    ),
  ]);
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
