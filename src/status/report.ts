import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentFigures, LINK_SOCKET } from '../../images/network/messages.ts';
import { linkDirectory } from '../docker/link-directory.ts';
import type { Network } from '../docker/network.ts';
import type { Links } from '../links.ts';
import type { PreparedSession } from '../prepare-session.ts';
import type { LinkStatus, LiveReport } from './session-status.ts';

/** An agent that is busy setting routes is not waited for (ms): the rest of the report is worth having. */
const FIGURES_LIMIT_MS = 500;

/** The stream by which the agent announces its ports is not one of the user's. */
const OWN_STREAMS = 1;

/** What a session's process says of itself, each time that it is asked. */
export function reporterOf(
  { session, labels, plan }: PreparedSession,
  network: Network,
  links: Links,
): () => Promise<LiveReport> {
  const began = new Date().toISOString();
  let changed = began;
  network.agent.on('event', ({ event }) => {
    if (event === 'linked' || event === 'unlinked') changed = new Date().toISOString();
  });
  // One question at a time, however many ask.
  let asking: Promise<AgentFigures> | undefined;
  const figures = async (): Promise<AgentFigures | undefined> => {
    asking ??= network.agent.figures().finally(() => {
      asking = undefined;
    });
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(late.resolve, FIGURES_LIMIT_MS, undefined);
    try {
      return await Promise.race([asking, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
  return async () => ({
    labels,
    since: began,
    ...(plan.workload !== undefined && { workload: plan.workload }),
    services: plan.services.map(({ name, ports }) => ({
      name,
      ports: ports.map(({ port, pod, protocol }) => ({ port, pod, ...(protocol && { protocol }) })),
    })),
    ports: plan.ports,
    loopback: { toPod: plan.toPod, fromPod: plan.fromPod },
    link: {
      state: links.connected ? 'connected' : 'connecting',
      since: changed,
      reconnects: links.reconnects,
      ...numbersOf(await figures()),
    },
    features: featuresOf(session, plan.ports.length > 0, links.straight, network.agent.features),
  });
}

function numbersOf(figures: AgentFigures | undefined): Partial<LinkStatus> {
  if (!figures) return {};
  const { sentBytes, receivedBytes, streams, roundTripMs } = figures;
  return {
    sentBytes,
    receivedBytes,
    streams: Math.max(0, streams - OWN_STREAMS),
    ...(roundTripMs !== undefined && { roundTripMs }),
  };
}

/** What the agent has from the kernel, and how it is reached. */
function featuresOf(
  session: string,
  inbound: boolean,
  straight: boolean,
  ofAgent: readonly string[],
): string[] {
  const shared = existsSync(join(linkDirectory(session), LINK_SOCKET));
  return [
    'TUN device',
    'iptables REDIRECT',
    ...ofAgent,
    'sock_diag for listening ports',
    ...(inbound ? ['sock_diag for accepted connections'] : []),
    shared ? 'link by a shared Unix socket' : 'link by docker exec',
    straight ? 'link straight from the API server to the pod' : 'link by port-forward',
  ];
}
