import { NODE_IMAGE } from './assets.ts';
import type { Cluster } from './cluster/client.ts';
import { type Holder, holdersOf } from './cluster/holders.ts';
import { findLocalRegistry } from './cluster/local-registry.ts';
import { listNamespace } from './cluster/namespace-lists.ts';
import { listOtherWorkloads } from './cluster/other-workloads.ts';
import { adviseOn, checkRights, type LimitedResource } from './cluster/preflight.ts';
import { refuseReplaced } from './cluster/replacement.ts';
import { REPLACE_RIGHTS, RIGHTS } from './cluster/role.ts';
import { findServices, type ServiceView } from './cluster/services.ts';
import { chooseTarget, isScalable, kindOf, listWorkloads, type Target } from './cluster/workload.ts';
import type { Docker } from './docker/connect.ts';
import type { Draft } from './docker/draft.ts';
import { type PushedImage, planPush } from './docker/push-image.ts';
import type { SessionRequest } from './prepare-session.ts';
import { orAborted, together } from './together.ts';

/** What is there, before anything is changed. */
export interface Findings {
  draft: Draft;
  target: Target | undefined;
  services: ServiceView[];
  /** The sessions that hold some of them already. */
  holders: ReadonlyMap<string, Holder>;
  advice: string[];
  limited: LimitedResource[];
  /** The proxy's image, where it is first to be brought to the cluster. */
  pushed: PushedImage | undefined;
}

/** Looks at the laptop, while the look `atCluster` goes on. Throws TpError for what cannot work. */
export async function look(
  docker: Docker,
  cluster: Cluster,
  atCluster: Promise<ClusterFindings>,
  request: SessionRequest,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Findings> {
  const [draft, rest, pushed] = await together<[Draft, ClusterFindings, PushedImage | undefined]>(
    signal,
    (either) => request.draft(docker, labels, either),
    (either) => orAborted(atCluster, either),
    async () => {
      const { pushProxyImage, proxyImage = NODE_IMAGE } = request.own;
      return pushProxyImage
        ? await planPush(docker, proxyImage, await findLocalRegistry(cluster))
        : undefined;
    },
  );
  return { draft, ...rest, pushed };
}

export type ClusterFindings = Omit<Findings, 'draft' | 'pushed'>;

/** Looks at the cluster. Throws TpError for what cannot work. */
export async function lookAtCluster(
  cluster: Cluster,
  { image, own }: SessionRequest,
): Promise<ClusterFindings> {
  const rights = checkRights(cluster, own.replace ? [...RIGHTS, ...REPLACE_RIGHTS] : RIGHTS);
  rights.catch(() => {}); // awaited below; a missing workload is the better error
  if (own.workload === false) {
    await rights;
    return { target: undefined, services: [], holders: new Map(), advice: [], limited: [] };
  }
  const { workload, container } = own;
  const lists = listNamespace(cluster);
  const workloads = await Promise.all([
    listWorkloads(cluster),
    listOtherWorkloads(cluster, kindOf(`${workload ?? ''}`.split('/', 1)[0] ?? ''), lists),
  ]);
  const target = chooseTarget(workloads.flat(), { image, workload, container });
  const services = await findServices(cluster, target, lists);
  const [preflight, holders] = await Promise.all([
    adviseOn(cluster, target, services, own.service),
    holdersOf(cluster, services),
    rights,
  ]);
  if (own.replace && isScalable(target.workload.kind)) await refuseReplaced(cluster, target.workload);
  return { target, services, holders, ...preflight };
}
