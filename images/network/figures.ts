import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import type { AgentFigures } from './messages.ts';

/** How the agent's tunnel is, for `tp status`; one that is not there has carried nothing. */
export function figuresOf(tunnel: Tunnel | undefined): AgentFigures {
  const { streams = 0, sentBytes = 0, receivedBytes = 0, roundTripMs, resumed = 0 } = tunnel?.figures ?? {};
  const linked = tunnel?.linked ?? false;
  return {
    linked,
    streams,
    sentBytes,
    receivedBytes,
    resumed,
    ...(roundTripMs !== undefined && { roundTripMs }),
  };
}
