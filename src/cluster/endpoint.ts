import { setTimeout as sleep } from 'node:timers/promises';
import type { V1EndpointSlice } from '@kubernetes/client-node';
import { ask, type Cluster, statusOf } from './client.ts';

/** How often to look (ms), and for how long: the controller lags by milliseconds, on a busy cluster by more. */
const POLL_MS = 50;
const LIMIT_MS = 3_000;

/**
 * Waits until the controller that writes endpoints counts the pod as ready, by what it has written for `service`, which
 * selects the pod too. It hears of pods and of Services on two ways: one that is switched before it has heard that the
 * pod is ready would have no endpoint for a moment, and refuse. Gives up after a while, and where the login may not look.
 */
export async function waitForEndpoint(
  { discovery, namespace }: Cluster,
  service: string,
  pod: string,
  signal: AbortSignal,
): Promise<void> {
  const labelSelector = `kubernetes.io/service-name=${service}`;
  const end = performance.now() + LIMIT_MS;
  while (performance.now() < end) {
    try {
      const { items } = await discovery.listNamespacedEndpointSlice({ namespace, labelSelector });
      if (items.some((slice) => countsReady(slice, pod))) return;
    } catch (error) {
      if (statusOf(error) === 403) return;
      await ask('listing EndpointSlices', Promise.reject(error as Error));
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

const countsReady = ({ endpoints }: V1EndpointSlice, pod: string): boolean =>
  (endpoints ?? []).some(
    ({ targetRef, conditions }) => targetRef?.name === pod && conditions?.ready === true,
  );
