import type { V1Pod } from '@kubernetes/client-node';
import { TpError } from '../errors.ts';
import { SESSION } from '../labels.ts';
import { ask, type Cluster, statusOf } from './client.ts';
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
}

export interface ProxyPod {
  name: string;
  uid: string;
  ip: string;
}

/**
 * Waits until the session's pod runs its proxy; with `ready`, until it also says that it serves. Tells what it waits for. Throws TpError as soon
 * as it is clear that it will not come, with the container's own log where it has one; rejects when `signal` aborts.
 */
export async function waitForProxyPod(
  cluster: Cluster,
  session: string,
  container: string,
  until: 'running' | 'ready',
  progress: PodProgress,
  signal: AbortSignal,
): Promise<ProxyPod> {
  const { waitingFor, named } = progress;
  const { api, namespace } = cluster;
  const labelSelector = `${SESSION}=${session}`;
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const ended = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ProxyPod>((resolve, reject) => {
      signal.throwIfAborted();
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      const look = async (pod: V1Pod) => {
        const found = await judge(cluster, pod, container, until, waitingFor);
        if (found) resolve(found);
      };
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
    clearInterval(timer);
    ended.abort();
  }
}

async function judge(
  cluster: Cluster,
  pod: V1Pod,
  container: string,
  until: 'running' | 'ready',
  waitingFor: (what: string) => void,
): Promise<ProxyPod | undefined> {
  const { metadata, status } = pod;
  const name = metadata?.name ?? '';
  if (metadata?.deletionTimestamp) return undefined;
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') {
    waitingFor(`pod ${name} to be scheduled: ${scheduled.message ?? scheduled.reason ?? 'no node'}`);
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
        hint: pull ? '--proxy-image IMAGE' : `${await lastLog(cluster, name, each)}`,
      },
    );
  }
  const init = status?.initContainerStatuses?.find(({ state }) => state?.running);
  if (init) waitingFor(`init container ${init.name}`);
  const own = status?.containerStatuses?.find((each) => each.name === container);
  if (!own?.state?.running || !status?.podIP) {
    if (!init) waitingFor(`pod ${name}: ${own?.state?.waiting?.reason ?? status?.phase ?? 'starting'}`);
    return undefined;
  }
  // The whole pod's readiness, sidecars and all: Services go by that.
  const ready = status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
  if (until === 'ready' && !ready) {
    waitingFor(`pod ${name} to be ready`);
    return undefined;
  }
  return { name, uid: metadata?.uid ?? '', ip: status.podIP };
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
  return new TpError(
    'TP_PROXY_REFUSED',
    `the cluster refuses the proxy's pod: ${failure.message ?? failure.reason}`,
  );
}

/** The name of the pod that has this address, for people; the address itself where there is none. */
export async function podNamed({ core, namespace }: Cluster, address: string): Promise<string> {
  const pods = await ask(
    'listing Pods',
    core.listNamespacedPod({ namespace, fieldSelector: `status.podIP=${address}` }),
  );
  return pods.items[0]?.metadata?.name ?? address;
}
