import { type Duplex, pipeline, type Readable, type Writable } from 'node:stream';
import type { PodSide } from './cluster/pod-side.ts';
import type { Network } from './docker/network.ts';
import { TpError } from './errors.ts';
import { Departure } from './tunnel/departure.ts';
import { systemClock } from './tunnel/link.ts';
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
  const pod = await proxy.openStream(signal);
  try {
    const agent = await network.openStream();
    const linked = Promise.race([network.agent.linked(), cut(agent)]);
    linked.catch(() => {}); // also where what follows throws
    if (pod.destroyed || agent.destroyed) throw closedEarly();
    pod.write(encodePreamble(token));
    // Either end's failure ends the other; the agent tells that it has lost its link, and why is in its event.
    writeTogether(pod, agent);
    pipeline(pod, agent, () => agent.destroy());
    pipeline(agent, pod, () => pod.destroy());
    return await linked;
  } catch (error) {
    pod.destroy();
    throw error;
  }
}

/**
 * What `from` gives in one turn of the event loop is written to `to` at once: TLS gives it in records of 16 KiB, and each
 * write wakes the other end. To be called before the two are joined.
 */
export function writeTogether(from: Readable, to: Writable): void {
  const departure = new Departure(to, systemClock);
  from.on('data', () => departure.within('turn'));
}

const closedEarly = () => new TpError('TP_LINK_FAILED', 'the link closed before the tunnel was up');

/** An agent that is not set up yet closes a link without a word. */
const cut = (agent: Duplex): Promise<never> =>
  new Promise((_resolve, reject) => {
    agent.once('close', () => reject(closedEarly()));
  });
