import { NODE_IMAGE } from '../assets.ts';
import type { Cluster } from '../cluster/client.ts';
import { findImage } from '../cluster/image-presence.ts';
import { type Found, ok, skipped, warning } from './finding.ts';

/** Whether the nodes have the proxy's image, as far as that can be told without running it. Throws TpError. */
export async function examineImage(cluster: Cluster, named: string | undefined): Promise<Found> {
  const image = named ?? NODE_IMAGE;
  const presence = await findImage(cluster, image);
  const { namespace } = cluster;
  const trial = `kubectl -n ${namespace} run tp-pull --rm -i --restart=Never --image=${image} -- node --version`;
  const fix = `${trial}\nor: tp docker-run --proxy-image IMAGE, with one that the nodes can pull`;
  if (presence.nodes === undefined) {
    if (presence.inPods) return ok(`a pod of namespace ${namespace} runs ${image}`);
    return skipped(
      `whether a node has ${image} is not to be seen: this login may not list nodes; to try it: ${trial}`,
    );
  }
  const { nodes, having } = presence;
  if (nodes === having) return ok(`${image} is on ${having} of ${nodes} nodes`);
  return warning(`${image} is on ${having} of ${nodes} nodes: the others have to be able to pull it`, fix);
}
