import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { kubectlJson } from '../test/e2e/harness/cluster.ts';

/** The pods between which is measured, and the address of servicename's Service. */
export interface Pods {
  frontend: string;
  original: { name: string; ip: string };
  serviceIp: string;
}

interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
  status: { podIP: string };
}

/** Pods that end because the example was deployed anew have gone after this time (ms). */
const SETTLE_LIMIT_MS = 60_000;
const SETTLE_POLL_MS = 500;

const podsWith = async (...selection: string[]): Promise<Pod[]> =>
  (await kubectlJson<{ items: Pod[] }>('get', 'pods', ...selection)).items;

export async function findPods(): Promise<Pods> {
  const first = async (selector: string): Promise<Pod> => {
    const [pod] = await podsWith('-l', selector);
    assert(pod, `no pod with ${selector}`);
    return pod;
  };
  const frontend = await first('app=frontend');
  const original = await first('app=servicename,!tp/session');
  const { spec } = await kubectlJson<{ spec: { clusterIP: string } }>('get', 'service', 'servicename');
  return {
    frontend: frontend.metadata.name,
    original: { name: original.metadata.name, ip: original.status.podIP },
    serviceIp: spec.clusterIP,
  };
}

/** Waits until no pod is about to end. */
export async function podsAreSettled(): Promise<void> {
  const end = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const ending = (await podsWith('-A')).filter(({ metadata }) => metadata.deletionTimestamp);
    if (ending.length === 0) return;
    const names = ending.map(({ metadata }) => metadata.name).join(', ');
    assert(performance.now() < end, `${names}: still there after ${SETTLE_LIMIT_MS} ms`);
    await sleep(SETTLE_POLL_MS);
  }
}
