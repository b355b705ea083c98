import { type Duplex, pipeline } from 'node:stream';
import type { PodSide } from './cluster/pod-side.ts';
import type { Network } from './docker/network.ts';
import { TpError } from './errors.ts';
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
  const linked = Promise.race([network.agent.linked(), cut(agent)]);
  // Either end's failure ends the other; the agent tells that it has lost its link, and why is in its event.
  pipeline(pod, agent, () => agent.destroy());
  pipeline(agent, pod, () => pod.destroy());
  return await linked;
}

/** An agent that is not set up yet closes a link without a word. */
const cut = (agent: Duplex): Promise<never> =>
  new Promise((_resolve, reject) => {
    agent.once('close', () =>
      reject(new TpError('TP_LINK_FAILED', 'the link closed before the tunnel was up')),
    );
  });
