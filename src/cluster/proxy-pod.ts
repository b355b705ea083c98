import type { V1Pod, V1PodSpec } from '@kubernetes/client-node';
import { TpError } from '../errors.ts';
import { SESSION } from '../labels.ts';
import { ask, type Cluster, statusOf } from './client.ts';
import { assertNamespaceStays } from './namespace.ts';
import { admissionRefusal } from './refusal.ts';
import { watch } from './watch.ts';

/** Reasons of a waiting container that do not go away by themselves. */
const HOPELESS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'CrashLoopBackOff',
  'RunContainerError',
]);

/** After a watch that failed the next one waits this long (ms). */
const WATCH_PAUSE_MS = 250;

/** How often to ask whether the Deployment could make its pod at all (ms). */
const REFUSAL_CHECK_MS = 500;

export interface PodProgress {
  /** Names what is waited for. */
  waitingFor(what: string): void;
  /** The pod has been made, and has this name; it is not there yet. */
  named?(name: string): void;
  /** A node starts its containers: its process may listen before the cluster says that it runs, as much as a second. */
  starting?(pod: ProxyPod): void;
}

export interface ProxyPod {
  name: string;
  uid: string;
  /** Undefined where it may not run yet. */
  ip?: string;
  spec: V1PodSpec | undefined;
}

/** A pod that no node takes is given this long (ms): an autoscaler needs a minute or two for another node. */
const PENDING_LIMIT_MS = 120_000;

export interface PodWait {
  cluster: Cluster;
  /** Finds the pod, and the ReplicaSet that makes it. */
  labelSelector: string;
  /** Which of its containers is waited for. */
  container: string;
  /** Whether it is enough that the container runs, or the pod is to say that it serves. */
  until: 'running' | 'ready';
  progress: PodProgress;
  signal: AbortSignal;
  pendingLimitMs?: number;
}

/**
 * Waits for the session's pod, and tells what it waits for. Throws TpError as soon as it is clear that it will not come,
 * with the container's own log where it has one; rejects when `signal` aborts.
 */
export async function waitForProxyPod(wait: PodWait): Promise<ProxyPod> {
  const { cluster, labelSelector, progress, signal, pendingLimitMs = PENDING_LIMIT_MS } = wait;
  const { waitingFor, named } = progress;
  const { api, namespace } = cluster;
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const ended = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let pending: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ProxyPod>((resolve, reject) => {
      signal.throwIfAborted();
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      let unscheduled = '';
      const look = async (pod: V1Pod) => {
        unscheduled = whyUnscheduled(pod);
        const found = await judge(wait, pod);
        if (found) resolve(found);
      };
      pending = setTimeout(() => {
        if (unscheduled) reject(notScheduled(unscheduled, pendingLimitMs));
      }, pendingLimitMs);
      let seen = false;
      waitingFor('the pod to be made');
      const onPod = (pod: V1Pod) => {
        seen = true;
        if (!pod.metadata?.deletionTimestamp) named?.(pod.metadata?.name ?? '');
        look(pod).catch(reject);
      };
      const follow = async () => {
        while (!ended.signal.aborted) {
          try {
            // The API server ends watches as it likes; a new one begins with what is there.
            await watch(api, path, { labelSelector }, onPod, ended.signal);
          } catch (error) {
            if (ended.signal.aborted) return;
            const status = statusOf(error);
            if (error instanceof TpError || status === 401 || status === 403) {
              await ask("watching the proxy's pod", Promise.reject(error as Error));
            }
            await new Promise((resolve) => setTimeout(resolve, WATCH_PAUSE_MS));
          }
        }
      };
      timer = setInterval(() => {
        if (!seen) refusalOf(cluster, labelSelector).then((error) => error && reject(error), reject);
      }, REFUSAL_CHECK_MS);
      follow().catch(reject);
    });
  } finally {
    clearTimeout(pending);
    clearInterval(timer);
    ended.abort();
  }
}

/** Why no node has taken the pod yet, in the scheduler's words; empty where one has. */
function whyUnscheduled({ status }: V1Pod): string {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  return scheduled?.status === 'False' ? (scheduled.message ?? scheduled.reason ?? 'no node') : '';
}

const notScheduled = (why: string, ms: number) =>
  new TpError('TP_PENDING', `no node took the proxy's pod in ${Math.round(ms / 1000)} s: ${why}`, {
    hint: 'kubectl get nodes; tp docker-run --dry-run names the labels that --drop-label can leave out',
  });

async function judge(
  { cluster, container, until, progress }: PodWait,
  pod: V1Pod,
): Promise<ProxyPod | undefined> {
  const { waitingFor } = progress;
  const { metadata, status } = pod;
  const name = metadata?.name ?? '';
  if (metadata?.deletionTimestamp) return undefined;
  const unscheduled = whyUnscheduled(pod);
  if (unscheduled) {
    waitingFor(`pod ${name} to be scheduled: ${unscheduled}`);
    return undefined;
  }
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  for (const { name: each, state, lastState } of all) {
    const reason = state?.waiting?.reason ?? '';
    if (!HOPELESS.has(reason)) continue;
    // A proxy that crashes once may only have been too early; the log says why when it does so again.
    const ended = lastState?.terminated;
    const why = state?.waiting?.message ?? ended?.message ?? reason;
    const pull = /Image|Pull/.test(reason);
    throw new TpError(
      pull ? 'TP_PROXY_PULL' : 'TP_PROXY_FAILED',
      `${reason} in container ${each} of ${name}: ${why}`,
      {
        hint: pull ? pullHint(pod, each, container) : await lastLog(cluster, name, each),
      },
    );
  }
  const init = status?.initContainerStatuses?.find(({ state }) => state?.running);
  if (init) waitingFor(`init container ${init.name}`);
  const own = status?.containerStatuses?.find((each) => each.name === container);
  if (!own?.state?.running || !status?.podIP) {
    // "PodInitializing" while there are init containers to wait for.
    if (own?.state?.waiting?.reason === 'ContainerCreating') {
      progress.starting?.({ name, uid: metadata?.uid ?? '', spec: pod.spec });
    }
    if (!init) waitingFor(`pod ${name}: ${own?.state?.waiting?.reason ?? status?.phase ?? 'starting'}`);
    return undefined;
  }
  // The whole pod's readiness, sidecars and all: Services go by that.
  const ready = status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
  if (until === 'ready' && !ready) {
    waitingFor(`pod ${name} to be ready`);
    return undefined;
  }
  return { name, uid: metadata?.uid ?? '', ip: status.podIP, spec: pod.spec };
}

function pullHint({ spec }: V1Pod, failed: string, own: string): string {
  if (failed !== own) return `--without-container ${failed} leaves it out`;
  // Those of the pod: a service account adds its own to those of the template.
  const secrets = (spec?.imagePullSecrets ?? []).map(({ name }) => name);
  return [
    '--proxy-image IMAGE names one that the nodes can pull: any with Node 24',
    '--push-proxy-image brings it to a local cluster that has a registry',
    `imagePullSecrets of the workload's pods are for a registry with a login; they have ${secrets.join(', ') || 'none'}`,
  ].join('\n');
}

/** The end of a container's log, for an error's hint. */
async function lastLog({ core, namespace }: Cluster, name: string, container: string): Promise<string> {
  try {
    return await core.readNamespacedPodLog({ name, namespace, container, tailLines: 10 });
  } catch {
    return `kubectl logs -n ${namespace} ${name} -c ${container}`; // the log may not exist; the command says so
  }
}

/** Why the Deployment's ReplicaSet may not make a pod: a quota, PodSecurity, an admission webhook. */
async function refusalOf({ apps, namespace }: Cluster, labelSelector: string): Promise<TpError | undefined> {
  const sets = await ask(
    'reading the ReplicaSet',
    apps.listNamespacedReplicaSet({ namespace, labelSelector }),
  );
  const failure = sets.items
    .flatMap(({ status }) => status?.conditions ?? [])
    .find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (!failure) return undefined;
  const words = failure.message ?? failure.reason ?? 'no reason given';
  const what = "the cluster refuses the proxy's pod";
  return admissionRefusal(what, words) ?? new TpError('TP_PROXY_REFUSED', `${what}: ${words}`);
}

/**
 * The session's pod that runs now and is not about to end; undefined while there is none. Throws TpError: TP_SESSION_GONE
 * where nothing will make one any more, TP_NAMESPACE_ENDS where nothing can.
 */
export async function runningProxyPod(
  cluster: Cluster,
  session: string,
  container: string,
): Promise<ProxyPod | undefined> {
  const { core, apps, namespace } = cluster;
  const labelSelector = `${SESSION}=${session}`;
  const { items } = await ask('listing Pods', core.listNamespacedPod({ namespace, labelSelector }));
  for (const { metadata, spec, status } of items) {
    const own = status?.containerStatuses?.find(({ name }) => name === container);
    if (metadata?.deletionTimestamp || !own?.state?.running || !status?.podIP) continue;
    return { name: metadata?.name ?? '', uid: metadata?.uid ?? '', ip: status.podIP, spec };
  }
  await assertNamespaceStays(cluster); // in one that is being deleted the Deployment may be the last to go
  const deployments = await ask(
    'listing Deployments',
    apps.listNamespacedDeployment({ namespace, labelSelector }),
  );
  if (deployments.items.some(({ metadata }) => !metadata?.deletionTimestamp)) return undefined;
  throw new TpError('TP_SESSION_GONE', `session ${session} is no longer in the cluster`, {
    hint: 'someone ran `tp leave`: start it again',
  });
}

/** The name of the pod that has this address, for people; the address itself where there is none. */
export async function podNamed({ core, namespace }: Cluster, address: string): Promise<string> {
  const pods = await ask(
    'listing Pods',
    core.listNamespacedPod({ namespace, fieldSelector: `status.podIP=${address}` }),
  );
  return pods.items[0]?.metadata?.name ?? address;
}
