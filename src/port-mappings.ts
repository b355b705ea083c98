import type { ServiceView } from './cluster/services.ts';
import type { Target } from './cluster/workload.ts';
import { TpError } from './errors.ts';
import { portText } from './port-text.ts';

/** A port of the process that answers for one of the pod's; of TCP where nothing else is said. */
export interface PortMapping {
  pod: number;
  process: number;
  protocol?: 'UDP';
}

/** Which port of the process answers for which of the pod: those that are declared or that Services lead to, and `--port`. Throws TpError. */
export function portMappings(
  target: Target,
  services: readonly ServiceView[],
  wanted: readonly string[],
): PortMapping[] {
  const declared = (target.container.ports ?? []).flatMap(({ containerPort: pod, protocol = 'TCP' }) =>
    protocol === 'SCTP' ? [] : [{ pod, ...(protocol === 'UDP' && { protocol: 'UDP' as const }) }],
  );
  const mapped = new Map<string, PortMapping>();
  const map = (process: number, pod: number, protocol: 'UDP' | undefined) =>
    mapped.set(portText(pod, protocol), { pod, process, ...(protocol && { protocol }) });
  for (const { pod, protocol } of [...declared, ...services.flatMap(({ ports }) => ports)])
    map(pod, pod, protocol);
  for (const text of wanted) {
    const found = /^(\d{1,5}):(\d{1,5})(\/udp|\/tcp)?$/.exec(text);
    const [process, pod] = [Number(found?.[1]), Number(found?.[2])];
    if (!process || !pod || process > 65_535 || pod > 65_535) {
      throw new TpError(
        'TP_BAD_PORT',
        `--port ${text}: not PROCESS:POD, two ports, with /udp behind them for UDP`,
        {
          hint: '--port 3000:8080',
        },
      );
    }
    map(process, pod, found?.[3] === '/udp' ? 'UDP' : undefined);
  }
  return [...mapped.values()];
}

/** The pod's ports of UDP, or of TCP. */
export const podPorts = (ports: readonly PortMapping[], wanted: 'UDP' | undefined): number[] =>
  ports.filter(({ protocol }) => protocol === wanted).map(({ pod }) => pod);
