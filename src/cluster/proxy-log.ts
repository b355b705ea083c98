import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiException, type V1ContainerStatus, type V1Pod } from '@kubernetes/client-node';
import { PROXY_BUNDLE, PROXY_DIRECTORY } from '../../images/proxy/config.ts';
import { SESSION } from '../labels.ts';
import { isAfter, type LogLine, type LogReading, timedLines } from '../log-lines.ts';
import { ask, type Cluster, statusOf } from './client.ts';

/** A log that ended is looked after again this often (ms): its container starts anew, or its pod is made again. */
const RETURN_POLL_MS = 500;

/** The session's pods, the oldest first: one that was evicted stays beside the one that took its place. Throws TpError. */
export async function proxyPods({ core, namespace }: Cluster, session: string): Promise<V1Pod[]> {
  const labelSelector = `${SESSION}=${session}`;
  const { items } = await ask('listing Pods', core.listNamespacedPod({ namespace, labelSelector }));
  const made = ({ metadata }: V1Pod) => Number(metadata?.creationTimestamp ?? 0);
  return items.sort((a, b) => made(a) - made(b));
}

/** The container of a session's pod that runs the proxy; the others are the workload's. */
export const proxyContainerOf = ({ spec }: V1Pod): string | undefined =>
  spec?.containers.find(({ command }) => command?.includes(`${PROXY_DIRECTORY}/${PROXY_BUNDLE}`))?.name;

/**
 * The proxy's log: of every pod that is there, and of the instance before the present one where it was restarted.
 * Followed, it ends when the session has no pod any more. Throws TpError.
 */
export async function* proxyLog(
  cluster: Cluster,
  session: string,
  { follow, signal }: LogReading,
): AsyncGenerator<LogLine> {
  const seen = new Map<string, string>(); // of each pod by itself: clocks of nodes differ
  for (;;) {
    const pods = await proxyPods(cluster, session);
    for (const pod of pods) {
      const uid = pod.metadata?.uid ?? '';
      const reading = { follow: follow && pod === pods.at(-1), last: seen.get(uid), signal };
      for await (const line of podLog(cluster, pod, reading)) {
        if (!isAfter(line, seen.get(uid))) continue;
        seen.set(uid, line.time);
        yield line;
      }
    }
    if (!follow || pods.length === 0) return;
    await delay(RETURN_POLL_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
  }
}

interface PodReading extends LogReading {
  last: string | undefined;
}

async function* podLog(cluster: Cluster, pod: V1Pod, reading: PodReading): AsyncGenerator<LogLine> {
  const name = pod.metadata?.name ?? '';
  const container = proxyContainerOf(pod);
  if (container === undefined) return;
  const status = pod.status?.containerStatuses?.find((each) => each.name === container);
  const began = ({ state, lastState }: V1ContainerStatus) =>
    state?.running !== undefined || state?.terminated !== undefined || lastState?.terminated !== undefined;
  if (!status || !began(status)) return; // it has said nothing yet
  const path = { name, container };
  if (status.restartCount > 0) {
    const previous = { ...reading, follow: false };
    yield* readLog(cluster, { ...path, previous: 'true' }, previous);
  }
  yield* readLog(cluster, path, reading);
}

async function* readLog(
  { api, namespace }: Cluster,
  { name, ...query }: { name: string; container: string; previous?: string },
  { follow, last, signal }: PodReading,
): AsyncGenerator<LogLine> {
  const parameters = new URLSearchParams({
    ...query,
    timestamps: 'true',
    ...(follow ? { follow: 'true' } : {}),
  });
  if (last !== undefined) parameters.set('sinceTime', last);
  const url = `${api.server}/api/v1/namespaces/${namespace}/pods/${name}/log?${parameters}`;
  try {
    const response = await api.send(url, { signal });
    if (response.statusCode !== 200) {
      const { statusCode = 0 } = response;
      throw new ApiException(statusCode, `HTTP ${statusCode}`, await text(response), {});
    }
    yield* timedLines(response as AsyncIterable<Buffer>);
  } catch (error) {
    if (signal.aborted) return;
    // Gone meanwhile, or not begun, or its earlier instance is not kept any more.
    if (statusOf(error) === 404 || statusOf(error) === 400) return;
    // A stream that breaks is opened again where it was left, as long as the cluster answers that the pod is there.
    if (follow && statusOf(error) === undefined) return;
    await ask("reading the proxy's log", Promise.reject(error as Error));
  }
}
