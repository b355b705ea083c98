import type { Duplex } from 'node:stream';
import type { PodSide } from './cluster/pod-side.ts';
import type { Network } from './docker/network.ts';
import { TpError } from './errors.ts';
import { carry } from './tunnel/carry.ts';
import { CLOSE_GRACE_MS } from './tunnel/limits.ts';
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
  // One after the other: the agent takes a stream for its link at once, so there must be a peer at the other end.
  return await joinOver(await proxy.streams.open(signal), network, token);
}

/** The same over a stream to the proxy that is open. A link that is up is dropped by both ends for this one. */
export async function joinOver(pod: Duplex, network: Network, token: Buffer): Promise<boolean> {
  try {
    const agent = await network.openStream();
    const linked = Promise.race([network.agent.linked(), cut(agent)]);
    linked.catch(() => {}); // also where what follows throws
    if (pod.destroyed || agent.destroyed) throw closedEarly();
    pod.write(encodePreamble(token));
    pass(pod, agent);
    pass(agent, pod);
    return await linked;
  } catch (error) {
    pod.destroy();
    throw error;
  }
}

/** Either end's failure ends the other; the agent tells that it has lost its link, and why is in its event. */
function pass(from: Duplex, to: Duplex): void {
  carry(from, to);
  from.on('error', () => {}); // 'close' follows
  from.once('close', () => {
    if (to.destroyed) return;
    if (!from.readableEnded) return void to.destroy();
    // What it said last still leaves, where anybody takes it.
    const late = setTimeout(() => to.destroy(), CLOSE_GRACE_MS);
    to.once('close', () => clearTimeout(late));
    to.end(() => to.destroy());
  });
}

const closedEarly = () => new TpError('TP_LINK_FAILED', 'the link closed before the tunnel was up');

/** An agent that is not set up yet closes a link without a word. */
const cut = (agent: Duplex): Promise<never> =>
  new Promise((_resolve, reject) => {
    agent.once('close', () => reject(closedEarly()));
  });
