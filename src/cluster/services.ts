import type { V1Container, V1Pod, V1PodSpec, V1Service } from '@kubernetes/client-node';
import { SESSION } from '../labels.ts';
import { ask, type Cluster } from './client.ts';
import { listNamespace, type NamespaceLists } from './namespace-lists.ts';
import { isNativeSidecar } from './native-sidecar.ts';
import { jobsOf } from './other-workloads.ts';
import { ownedBy, type Target, type Workload } from './workload.ts';

/** A Service that selects the workload's pods. */
export interface ServiceView {
  name: string;
  /** Its ports that lead to the container, the Service's own and the pod's; those of TCP unless said otherwise. */
  ports: { port: number; pod: number; name?: string | undefined; protocol?: 'UDP' }[];
  /** The session that holds it already. */
  heldBy?: string | undefined;
  /** Why it is not taken over unasked; undefined where it is. */
  notByDefault?: string | undefined;
  /** Keys of its selector. */
  selects: string[];
}

/** The Services of the namespace that select the target's pods, and what is to be known of each. Throws TpError. */
export async function findServices(
  cluster: Cluster,
  target: Target,
  lists = listNamespace(cluster),
): Promise<ServiceView[]> {
  const { core, namespace } = cluster;
  const [services, pods, owners] = await Promise.all([
    ask('listing Services', core.listNamespacedService({ namespace })),
    ask('listing Pods', lists.pods),
    podOwners(cluster, target.workload, lists),
  ]);
  const strangers = pods.items.filter(
    ({ metadata }) => !owners.has(metadata?.uid ?? '') && !ownedBy(metadata?.ownerReferences, owners),
  );
  return services.items.flatMap((service) => viewOf(service, target, strangers) ?? []);
}

/** The names of the namespace's Services, by which a pod calls them. Throws TpError. */
export async function serviceNames({ core, namespace }: Cluster): Promise<Set<string>> {
  const { items } = await ask('listing Services', core.listNamespacedService({ namespace }));
  return new Set(items.map(({ metadata }) => metadata?.name ?? ''));
}

async function podOwners(
  cluster: Cluster,
  workload: Workload,
  { replicaSets }: NamespaceLists,
): Promise<Set<string>> {
  if (workload.kind === 'cronjob') return new Set(await jobsOf(cluster, workload.uid));
  if (workload.kind !== 'deployment') return new Set([workload.uid]);
  const sets = await ask('listing ReplicaSets', replicaSets);
  const own = sets.items.filter(({ metadata }) =>
    ownedBy(metadata?.ownerReferences, new Set([workload.uid])),
  );
  return new Set(own.map(({ metadata }) => metadata?.uid ?? ''));
}

/** How a Service looks from the target; undefined where it does not select it. */
export function viewOf(
  service: V1Service,
  target: Target,
  strangers: readonly V1Pod[],
): ServiceView | undefined {
  if (service.metadata?.labels?.[SESSION] !== undefined) return undefined; // a session's own
  const { [SESSION]: heldBy, ...selector } = service.spec?.selector ?? {};
  const labels = target.workload.template.metadata?.labels ?? {};
  if (Object.keys(selector).length === 0 || !selects(selector, labels)) return undefined;
  const ports = podPorts(service, target.workload.template.spec, target.container);
  const other = strangers.find(({ metadata }) => selects(selector, metadata?.labels ?? {}));
  const notByDefault = reasonAgainst(service, ports.length, other?.metadata?.name);
  return { name: service.metadata?.name ?? '', ports, heldBy, notByDefault, selects: Object.keys(selector) };
}

function reasonAgainst(service: V1Service, ports: number, stranger: string | undefined): string | undefined {
  const { clusterIP, internalTrafficPolicy, externalTrafficPolicy } = service.spec ?? {};
  if (ports === 0) return 'none of its TCP or UDP ports leads to this container';
  if (clusterIP === 'None') return 'it is headless: its names would change';
  if (stranger !== undefined) return `it also selects ${stranger}, which is not of this workload`;
  if (service.spec?.ports?.some(({ protocol }) => protocol === 'SCTP')) {
    return 'it has ports of SCTP, where the proxy answers nothing';
  }
  if (internalTrafficPolicy === 'Local' || externalTrafficPolicy === 'Local') {
    return 'its traffic policy is Local, and the proxy runs on one node only';
  }
  return undefined;
}

/** The Service's TCP and UDP ports that lead to `container` of such a pod. */
export function podPorts(
  service: V1Service,
  spec: V1PodSpec | undefined,
  container: V1Container,
): ServiceView['ports'] {
  return (service.spec?.ports ?? []).flatMap((port) => {
    const { protocol = 'TCP' } = port;
    if (protocol !== 'TCP' && protocol !== 'UDP') return [];
    const pod = podPort(port.targetPort ?? port.port, protocol, spec, container);
    if (pod === undefined) return [];
    return [{ port: port.port, pod, name: port.name, ...(protocol === 'UDP' && { protocol }) }];
  });
}

function podPort(
  targetPort: number | string,
  wanted: 'TCP' | 'UDP',
  spec: V1PodSpec | undefined,
  container: V1Container,
): number | undefined {
  const { containers = [], initContainers = [] } = spec ?? {};
  // In the order in which Kubernetes looks for a named port.
  const all = [...containers, ...initContainers.filter(isNativeSidecar)];
  const declares = (each: V1Container) =>
    each.ports?.find(({ name, containerPort, protocol }) => {
      return (protocol ?? 'TCP') === wanted && (name === targetPort || containerPort === targetPort);
    });
  const declaring = typeof targetPort === 'number' && declares(container) ? container : all.find(declares);
  if (declaring) return declaring.name === container.name ? declares(declaring)?.containerPort : undefined;
  // A number that no container declares is still a port of the pod.
  return typeof targetPort === 'number' ? targetPort : undefined;
}

/** Whether a selector finds a pod with these labels. */
export const selects = (selector: Record<string, string>, labels: Record<string, string>): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);
