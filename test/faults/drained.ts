import { kubectl, show } from '../e2e/harness/cluster.ts';
import type { Fault, Preparation, Running } from './experiment.ts';

/** A second node for the proxy's pod, and its end as an administrator brings it about. */

const CLUSTER = `${import.meta.dirname}/../cluster/cluster`;

/** The embedded cluster's nodes: everything else runs on the first. */
const [FIRST, SECOND] = ['node', 'node2'];

/** Makes the second node, which pods of the session are then put on. */
export async function withSecondNode(): Promise<Preparation> {
  await show(CLUSTER, 'node', 'up');
  await kubectl('cordon', FIRST);
  return {
    async undo() {
      await kubectl('uncordon', FIRST);
      await show(CLUSTER, 'node', 'down');
    },
  };
}

/** Drains the second node of the proxy's pod, whose successor comes to be on the first. */
export async function drainSecondNode({ begins, proxyPod }: Running): Promise<void> {
  const pod = await proxyPod();
  const node = await kubectl('get', 'pod', pod, '-o', 'jsonpath={.spec.nodeName}');
  if (node !== SECOND) throw new Error(`the proxy's pod ${pod} is on ${node}, not on ${SECOND}`);
  await kubectl('uncordon', FIRST);
  begins();
  await kubectl('drain', SECOND, '--delete-emptydir-data', '--timeout=90s');
}

export const DRAINED: Fault = {
  id: 'drained',
  what: "the node of the proxy's pod is drained",
  failed: 'none',
  stream: 'ends',
  session: 'goes on',
  prepare: withSecondNode,
  async inject(run) {
    await drainSecondNode(run);
    await run.connectedAgain();
  },
};
