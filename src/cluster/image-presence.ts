import { parseImage } from '../image-reference.ts';
import { ask, type Cluster } from './client.ts';
import { ifAllowed } from './optional.ts';

/** Where in the cluster an image has been seen. */
export type ImagePresence =
  /** The login may list nodes: on how many of them it is. A node names 50 images at most. */
  | { nodes: number; having: number }
  /** It may not: whether a pod of the namespace runs it. */
  | { nodes: undefined; inPods: boolean };

/** Looks for an image on the nodes, or else in the namespace's pods. Throws TpError. */
export async function findImage(cluster: Cluster, image: string): Promise<ImagePresence> {
  const { core, namespace } = cluster;
  const wanted = fullName(image);
  const nodes = await ifAllowed('listing nodes', core.listNode());
  if (nodes) {
    const having = nodes.items.filter(({ status }) =>
      (status?.images ?? []).some(({ names }) => (names ?? []).some((name) => fullName(name) === wanted)),
    );
    return { nodes: nodes.items.length, having: having.length };
  }
  const pods = await ask('listing Pods', core.listNamespacedPod({ namespace }));
  const inPods = pods.items
    .flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
    .some(({ image: used, containerID }) => containerID !== undefined && fullName(used) === wanted);
  return { nodes: undefined, inPods };
}

/** An image's name with all that people leave out. */
function fullName(image: string): string {
  const { registry, path } = parseImage(image);
  return `${registry}/${path}${/@.*$|:[^/:@]*$/.exec(image)?.[0] ?? ':latest'}`;
}
