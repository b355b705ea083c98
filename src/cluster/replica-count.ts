import { setTimeout as sleep } from 'node:timers/promises';
import { PatchStrategy, setHeaderOptions, type V1Pod, type V1Scale } from '@kubernetes/client-node';
import { TpError } from '../errors.ts';
import { SESSION } from '../labels.ts';
import { ask, type Cluster, statusOf } from './client.ts';
import { toZero } from './guardian-objects.ts';
import type { ScalableKind } from './workload.ts';

/** How often to look at the original pods (ms). */
const POLL_MS = 200;

/** Original pods that are not ready by then (ms) are not waited for: the Services go back to them all the same. */
const READY_LIMIT_MS = 60_000;

/** A workload and how many replicas it had. */
export interface Scaled {
  kind: ScalableKind;
  workload: string;
  replicas: number;
}

/** Scales the workload to zero and waits until its pods have gone. Throws TpError; rejects when `signal` aborts. */
export async function scaleToZero(
  cluster: Cluster,
  scaled: Scaled,
  waitingFor: (what: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { kind, workload, replicas } = scaled;
  const scale = await patchScale(cluster, scaled, toZero(scaled), PatchStrategy.JsonPatch);
  if (!scale) {
    throw new TpError('TP_SCALED', `${kind}/${workload} has not ${replicas} replicas any more`, {
      hint: 'somebody scaled it just now, or a HorizontalPodAutoscaler did: try again',
    });
  }
  for (;;) {
    signal.throwIfAborted();
    const [pod, ...more] = await originalPods(cluster, scale);
    if (!pod) return;
    waitingFor(`pod ${pod.metadata?.name} to end${more.length > 0 ? ` and ${more.length} more` : ''}`);
    await sleep(POLL_MS, undefined, { signal });
  }
}

/**
 * Scales the workload back, unless somebody else has, and waits until its pods are ready. Says how many of them are not by
 * the limit, or when `signal` aborts. Throws TpError.
 */
export async function scaleBack(
  cluster: Cluster,
  scaled: Scaled,
  waitingFor: (what: string) => void,
  signal?: AbortSignal,
): Promise<number> {
  const scale = await fromZero(cluster, scaled);
  const wanted = scale?.spec?.replicas ?? 0;
  const end = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const ready = scale ? (await originalPods(cluster, scale)).filter(isReady).length : 0;
    if (ready >= wanted || signal?.aborted || performance.now() > end) return Math.max(0, wanted - ready);
    waitingFor(`${wanted - ready} of ${wanted} pods of ${scaled.workload} to be ready`);
    await sleep(POLL_MS);
  }
}

/**
 * Gives the workload its replicas unless it has some. By the version that was read and not by a JSON patch's test, for a
 * scale of zero has no such field. Undefined where there is no such workload any more.
 */
async function fromZero(cluster: Cluster, scaled: Scaled): Promise<V1Scale | undefined> {
  for (;;) {
    const scale = await readScale(cluster, scaled);
    if (!scale || (scale.spec?.replicas ?? 0) > 0) return scale;
    const { resourceVersion } = scale.metadata ?? {};
    const body = { metadata: { resourceVersion }, spec: { replicas: scaled.replicas } };
    const changed = await patchScale(cluster, scaled, body, PatchStrategy.MergePatch);
    if (changed) return changed;
  }
}

/** Undefined where the patch does not fit, or there is no such workload any more. */
async function patchScale(
  { apps, namespace }: Cluster,
  { kind, workload: name }: Scaled,
  body: object,
  strategy: PatchStrategy,
): Promise<V1Scale | undefined> {
  const options = setHeaderOptions('Content-Type', strategy);
  const request = { name, namespace, body };
  try {
    return await (kind === 'deployment'
      ? apps.patchNamespacedDeploymentScale(request, options)
      : apps.patchNamespacedStatefulSetScale(request, options));
  } catch (error) {
    if ([404, 409, 422].includes(statusOf(error) ?? 0)) return undefined;
    return await ask(`scaling ${name}`, Promise.reject(error as Error));
  }
}

async function readScale(
  { apps, namespace }: Cluster,
  { kind, workload: name }: Scaled,
): Promise<V1Scale | undefined> {
  try {
    return await (kind === 'deployment'
      ? apps.readNamespacedDeploymentScale({ name, namespace })
      : apps.readNamespacedStatefulSetScale({ name, namespace }));
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    return await ask(`reading the scale of ${name}`, Promise.reject(error as Error));
  }
}

/** The workload's pods, those that are about to end among them. */
async function originalPods({ core, namespace }: Cluster, { status }: V1Scale): Promise<V1Pod[]> {
  // The proxy's pod has the workload's labels, too.
  const labelSelector = `${status?.selector ?? ''},!${SESSION}`;
  return (await ask('listing Pods', core.listNamespacedPod({ namespace, labelSelector }))).items;
}

const isReady = ({ metadata, status }: V1Pod): boolean =>
  !metadata?.deletionTimestamp &&
  (status?.conditions ?? []).some((each) => each.type === 'Ready' && each.status === 'True');
