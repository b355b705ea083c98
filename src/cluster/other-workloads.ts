import type { V1OwnerReference, V1Pod } from '@kubernetes/client-node';
import { ask, type Cluster } from './client.ts';
import { listNamespace } from './namespace-lists.ts';
import { ifAllowed } from './optional.ts';
import { type Workload, workloadOf } from './workload.ts';

/**
 * The workloads of the kinds that few services are: those that nothing else controls. Kinds that this login may not list
 * are passed over, for whoever works with Deployments needs no rights on them; but not the `wanted` one. Throws TpError.
 */
export async function listOtherWorkloads(
  cluster: Cluster,
  wanted?: Workload['kind'],
  lists = listNamespace(cluster),
): Promise<Workload[]> {
  const { apps, batch, namespace } = cluster;
  const all = { namespace };
  const list = <T>(kind: Workload['kind'], request: Promise<T>): Promise<T | undefined> =>
    (kind === wanted ? ask : ifAllowed)(`listing ${kind}s`, request);
  const [daemonSets, replicaSets, jobs, cronJobs, pods] = await Promise.all([
    list('daemonset', apps.listNamespacedDaemonSet(all)),
    list('replicaset', lists.replicaSets),
    list('job', batch.listNamespacedJob(all)),
    list('cronjob', batch.listNamespacedCronJob(all)),
    list('pod', lists.pods),
  ]);
  return [
    ...itemsOf(daemonSets).map((item) => workloadOf('daemonset', item)),
    ...itemsOf(replicaSets)
      .filter(isItsOwn)
      .map((item) => workloadOf('replicaset', item)),
    ...itemsOf(jobs)
      .filter(isItsOwn)
      .map((item) => workloadOf('job', item)),
    ...itemsOf(cronJobs).map(({ metadata, spec }) =>
      workloadOf('cronjob', {
        metadata: metadata ?? {},
        spec: { selector: {}, template: spec?.jobTemplate.spec?.template ?? {} },
      }),
    ),
    ...itemsOf(pods).filter(isItsOwn).filter(mayRun).map(podAsWorkload),
  ];
}

const itemsOf = <T>(list: { items: T[] } | undefined): T[] => list?.items ?? [];

const isItsOwn = ({ metadata }: { metadata?: { ownerReferences?: V1OwnerReference[] } }): boolean =>
  !metadata?.ownerReferences?.some(({ controller }) => controller === true);

const mayRun = ({ status }: V1Pod): boolean => status?.phase !== 'Succeeded' && status?.phase !== 'Failed';

/** A pod that nobody made from a template: it is one, but for what it got when it was made. */
function podAsWorkload({ metadata, spec }: V1Pod): Workload {
  const { ephemeralContainers: _debuggers, ...kept } = spec ?? { containers: [] };
  const labels = metadata?.labels ?? {};
  return workloadOf('pod', {
    metadata: metadata ?? {},
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations: metadata?.annotations ?? {} }, spec: kept },
    },
  });
}

/** Uids of the Jobs that a CronJob made, which are its pods' owners. */
export async function jobsOf({ batch, namespace }: Cluster, uid: string): Promise<string[]> {
  const jobs = await ifAllowed('listing Jobs', batch.listNamespacedJob({ namespace }));
  return itemsOf(jobs)
    .filter(({ metadata }) => metadata?.ownerReferences?.some((owner) => owner.uid === uid))
    .map(({ metadata }) => metadata?.uid ?? '');
}
