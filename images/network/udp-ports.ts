import { parseAddress } from '../address.ts';
import { usersUdpPorts } from './listening.ts';
import type { Configuration } from './messages.ts';
import { openUdpSockets } from './native.ts';

/** The UDP ports of the namespace that are listened on. Only looked for where the pod has any. */
export function listeningUdp(
  configuration: Configuration | undefined,
  warn: (message: string) => void,
): number[] {
  const wanted = configuration?.ports.filter(({ protocol }) => protocol === 'UDP') ?? [];
  if (!configuration || wanted.length === 0) return [];
  try {
    const pod = configuration.podAddresses.map(parseAddress);
    return usersUdpPorts(
      openUdpSockets(),
      pod,
      wanted.map(({ process }) => process),
    );
  } catch (error) {
    warn(
      `nobody knows which UDP ports are listened on, so datagrams do not come here: ${(error as Error).message}`,
    );
    return [];
  }
}
