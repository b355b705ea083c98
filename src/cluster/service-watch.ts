import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Service } from '@kubernetes/client-node';
import { ask, type Cluster, statusOf } from './client.ts';
import { watch } from './watch.ts';

/** After a watch that failed the next one waits this long (ms): the API server may be restarting. */
const WATCH_PAUSE_MS = 1_000;

/**
 * Follows the namespace's Services until `signal` aborts: each that is there, changes or goes. A watch that ends or breaks
 * begins again, with all that are there then. Throws TpError where the API server refuses.
 */
export async function followServices(
  { api, namespace }: Cluster,
  onService: (service: V1Service, deleted: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/services`;
  while (!signal.aborted) {
    try {
      await watch<V1Service>(api, path, {}, onService, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (statusOf(error) === 403) await ask('watching Services', Promise.reject(error as Error));
      await sleep(WATCH_PAUSE_MS, undefined, { signal }).catch(() => {}); // the loop sees that it was aborted
    }
  }
}
