import { pipeline } from 'node:stream';
import type { PodSide } from './cluster/pod-side.ts';
import type { Network } from './docker/network.ts';
import { encodePreamble } from './tunnel/preamble.ts';

/**
 * Joins the agent's end of the tunnel to the proxy's. The CLI shows the token and is then only a wire between two
 * streams: it reads nothing of what passes. Says whether connections of before go on. Throws TpError when the tunnel does
 * not come up.
 */
export async function joinLink(
  proxy: PodSide,
  network: Network,
  token: Buffer,
  signal: AbortSignal,
): Promise<boolean> {
  const [pod, agent] = await Promise.all([proxy.openStream(signal), network.openStream()]);
  pod.write(encodePreamble(token));
  const linked = network.agent.linked();
  // Either end's failure ends the other; the agent tells that it has lost its link, and why is in its event.
  pipeline(pod, agent, () => agent.destroy());
  pipeline(agent, pod, () => pod.destroy());
  return await linked;
}
