import type { V1PodList, V1ReplicaSetList } from '@kubernetes/client-node';
import { SESSION } from '../labels.ts';
import type { Cluster } from './client.ts';

/** Lists of the namespace that more than one question needs, each asked for once. They reject as the API client does. */
export interface NamespaceLists {
  /** All pods but those of sessions. */
  pods: Promise<V1PodList>;
  replicaSets: Promise<V1ReplicaSetList>;
}

/** Asks for the lists. Whoever needs one awaits it: a login need not be allowed all of them. */
export function listNamespace({ apps, core, namespace }: Cluster): NamespaceLists {
  const pods = core.listNamespacedPod({ namespace, labelSelector: `!${SESSION}` });
  const replicaSets = apps.listNamespacedReplicaSet({ namespace });
  for (const list of [pods, replicaSets]) list.catch(() => {});
  return { pods, replicaSets };
}
