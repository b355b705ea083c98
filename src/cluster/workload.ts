import type {
  V1Container,
  V1LabelSelector,
  V1OwnerReference,
  V1PodTemplateSpec,
} from '@kubernetes/client-node';
import { TpError } from '../errors.ts';
import { matchImages } from '../image-reference.ts';
import { GUARDED, SESSION } from '../labels.ts';
import { ask, type Cluster } from './client.ts';

/** Kinds whose pods are there for good, and that can be scaled. */
export type ScalableKind = 'deployment' | 'statefulset';

/** What runs the service in the cluster, of the kinds that tp stands in for. */
export interface Workload {
  kind: ScalableKind | 'daemonset' | 'replicaset' | 'job' | 'cronjob' | 'pod';
  name: string;
  uid: string;
  selector: V1LabelSelector;
  template: V1PodTemplateSpec;
  replicas: number;
  /** Volumes that each pod of a StatefulSet claims for itself. */
  claims: string[];
}

/** A workload and which of its containers the user's stands for. */
export interface Target {
  workload: Workload;
  container: V1Container;
}

export interface TargetChoice {
  image: string;
  /** KIND/NAME, as kubectl takes it. */
  workload?: string | undefined;
  container?: string | undefined;
}

const KINDS: ReadonlyMap<string, Workload['kind']> = new Map([
  ['deployment', 'deployment'],
  ['deployments', 'deployment'],
  ['deploy', 'deployment'],
  ['statefulset', 'statefulset'],
  ['statefulsets', 'statefulset'],
  ['sts', 'statefulset'],
  ['daemonset', 'daemonset'],
  ['daemonsets', 'daemonset'],
  ['ds', 'daemonset'],
  ['replicaset', 'replicaset'],
  ['replicasets', 'replicaset'],
  ['rs', 'replicaset'],
  ['job', 'job'],
  ['jobs', 'job'],
  ['cronjob', 'cronjob'],
  ['cronjobs', 'cronjob'],
  ['cj', 'cronjob'],
  ['pod', 'pod'],
  ['pods', 'pod'],
  ['po', 'pod'],
]);

/** The kind that people write so; undefined for a word that is none. */
export const kindOf = (word: string): Workload['kind'] | undefined => KINDS.get(word.toLowerCase());

export const isScalable = (kind: Workload['kind']): kind is ScalableKind =>
  kind === 'deployment' || kind === 'statefulset';

/** Deployments that are no session's proxy, and no guardian. */
const OURS_LEFT_OUT = `!${SESSION},!${GUARDED}`;

/** The Deployments and StatefulSets of the namespace, those of tp itself left out. Throws TpError. */
export async function listWorkloads({ apps, namespace }: Cluster): Promise<Workload[]> {
  const [deployments, statefulSets] = await Promise.all([
    ask('listing Deployments', apps.listNamespacedDeployment({ namespace, labelSelector: OURS_LEFT_OUT })),
    ask('listing StatefulSets', apps.listNamespacedStatefulSet({ namespace })),
  ]);
  return [
    ...deployments.items.map((item) => workloadOf('deployment', item)),
    ...statefulSets.items.map((item) => ({
      ...workloadOf('statefulset', item),
      claims: (item.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name ?? ''),
    })),
  ];
}

interface WorkloadObject {
  metadata?: { name?: string; uid?: string };
  spec?: { selector?: V1LabelSelector; template?: V1PodTemplateSpec; replicas?: number };
}

/** A workload of an object that has pods by a template. */
export function workloadOf(kind: Workload['kind'], { metadata, spec }: WorkloadObject): Workload {
  return {
    kind,
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    selector: spec?.selector ?? {},
    template: spec?.template ?? {},
    replicas: spec?.replicas ?? 1,
    claims: [],
  };
}

/**
 * The one workload that runs the image: by its exact repository, else by the same path under any registry. The same
 * last component alone is only offered. Throws TpError with a list and the flag where there is none or several.
 */
export function chooseTarget(workloads: readonly Workload[], choice: TargetChoice): Target {
  return choice.workload === undefined
    ? chooseByImage(workloads, choice)
    : chooseByName(workloads, choice.workload, choice);
}

function targetsOf(workloads: readonly Workload[]): Target[] {
  return workloads.flatMap((workload) =>
    (workload.template.spec?.containers ?? []).map((container) => ({ workload, container })),
  );
}

function chooseByImage(workloads: readonly Workload[], choice: TargetChoice): Target {
  const all = targetsOf(workloads).filter(
    ({ container }) => !choice.container || container.name === choice.container,
  );
  const matching = (match: string) => {
    const found = all.filter(({ container }) => matchImages(choice.image, container.image ?? '') === match);
    // A job of the same image is mostly the service's own, and never what answers for it.
    const services = found.filter(({ workload }) => isScalable(workload.kind));
    return services.length > 0 ? services : found;
  };
  for (const match of ['repository', 'path']) {
    const found = matching(match);
    const [only] = found;
    if (only && found.length === 1) return only;
    if (found.length > 1) {
      const message = `several workloads run ${choice.image}`;
      throw new TpError('TP_SEVERAL_WORKLOADS', message, { hint: flagsFor(found) });
    }
  }
  const similar = matching('name');
  const message = `no workload in this namespace runs ${choice.image}`;
  if (similar.length > 0) {
    throw new TpError('TP_NO_WORKLOAD', `${message}; similar ones are`, { hint: flagsFor(similar) });
  }
  const listed = flagsFor(targetsOf(workloads)) || 'there are none; another namespace?  -n NAMESPACE';
  throw new TpError('TP_NO_WORKLOAD', message, { hint: `${listed}\n--no-workload for a pod of its own` });
}

function chooseByName(workloads: readonly Workload[], wanted: string, choice: TargetChoice): Target {
  const [kindName = '', name = ''] = wanted.split('/');
  const kind = kindOf(kindName);
  if (!kind || !name) {
    throw new TpError('TP_BAD_WORKLOAD', `--workload ${wanted}: not KIND/NAME of a known kind`, {
      hint: 'deployment/NAME, or statefulset, daemonset, replicaset, job, cronjob, pod',
    });
  }
  const workload = workloads.find((each) => each.kind === kind && each.name === name);
  if (!workload) {
    const hint = flagsFor(targetsOf(workloads)) || 'another namespace?  -n NAMESPACE';
    throw new TpError('TP_NO_WORKLOAD', `there is no ${kind}/${name} in this namespace`, { hint });
  }
  const containers = targetsOf([workload]);
  const byName = containers.find(({ container }) => container.name === choice.container);
  const [only] = containers;
  if (choice.container ? byName : containers.length === 1) return (byName ?? only) as Target;
  const byImage = containers.filter(
    ({ container }) => matchImages(choice.image, container.image ?? '') !== 'none',
  );
  const [first] = byImage;
  if (!choice.container && first && byImage.length === 1) return first;
  const names = containers.map(({ container }) => `--container ${container.name}`).join('\n');
  throw new TpError('TP_WHICH_CONTAINER', `${kind}/${name}: which of its containers?`, { hint: names });
}

function flagsFor(targets: readonly Target[]): string {
  return targets
    .map(({ workload, container }) => {
      const one = (workload.template.spec?.containers ?? []).length === 1;
      const more = one ? '' : ` --container ${container.name}`;
      return `--workload ${workload.kind}/${workload.name}${more}    # ${container.image}`;
    })
    .join('\n');
}

/** Whether a pod with these owners belongs to one of the `owners`, which are the workload's uid or its ReplicaSets'. */
export const ownedBy = (
  references: readonly V1OwnerReference[] | undefined,
  owners: ReadonlySet<string>,
): boolean => (references ?? []).some(({ uid, controller }) => controller === true && owners.has(uid));
