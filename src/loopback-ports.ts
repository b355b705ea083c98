import { type PodPort, podPortText } from '../images/pod-port.ts';
import { isNativeSidecar } from './cluster/native-sidecar.ts';
import type { Target } from './cluster/workload.ts';
import { TpError } from './errors.ts';
import type { DockerRunFlags } from './flags.ts';
import type { PortMapping } from './port-mappings.ts';
import { portText } from './port-text.ts';

/** Which ports of 127.0.0.1 lead to the pod's, and which of the pod's 127.0.0.1 lead to the process. */
export interface LoopbackPorts {
  toPod: PodPort[];
  fromPod: PodPort[];
}

type Container = Target['container'];
type Choice = Pick<DockerRunFlags, 'port' | 'toPod' | 'fromPod' | 'withoutContainer'>;

/** The containers that run beside the proxy: sidecars, and the init containers that are such by another name. */
export function sidecarsOf({ workload, container }: Target, without: readonly string[]): Container[] {
  const { initContainers = [], containers = [] } = workload.template.spec ?? {};
  const native = initContainers.filter(isNativeSidecar);
  return [...native, ...containers].filter(({ name }) => name !== container.name && !without.includes(name));
}

/**
 * Containers of a pod meet on its loopback. What the sidecars declare leads there by itself, and what answers for the pod's
 * ports (`served`) does the other way; flags name the rest. Throws TpError for a port that has an owner already.
 */
export function loopbackPorts(target: Target, flags: Choice, served: readonly PortMapping[]): LoopbackPorts {
  const own = new Set(declaredBy(target.container).map(podPortText));
  const sidecars = new Map(
    sidecarsOf(target, flags.withoutContainer).flatMap((each) =>
      declaredBy(each)
        .filter((port) => !own.has(podPortText(port)))
        .map((port) => [podPortText(port), { port, sidecar: each.name }] as const),
    ),
  );
  const atPod = new Set<string>();
  for (const { pod, process, protocol } of served) {
    const text = portText(pod, protocol);
    own.add(text).add(portText(process, protocol));
    atPod.add(text);
    const { sidecar } = sidecars.get(text) ?? {};
    if (sidecar === undefined) continue;
    throw clash(`--port ${process}:${text}`, `in the pod ${text} is the port of ${sidecar}`, sidecar);
  }
  const toPod = new Map(
    [...sidecars].filter(([text]) => !own.has(text)).map(([text, { port }]) => [text, port]),
  );
  for (const [text, port] of portsOf('--to-pod', flags.toPod)) {
    if (own.has(text)) throw clash(`--to-pod ${text}`, 'it is a port of your process');
    toPod.set(text, port);
  }
  const fromPod = portsOf('--from-pod', flags.fromPod);
  for (const text of fromPod.keys()) {
    const { sidecar } = sidecars.get(text) ?? {};
    if (sidecar !== undefined)
      throw clash(`--from-pod ${text}`, `in the pod it is the port of ${sidecar}`, sidecar);
    if (toPod.has(text)) throw clash(`--from-pod ${text}`, '--to-pod says the opposite');
    if (atPod.has(text))
      throw clash(`--from-pod ${text}`, 'the process answers there already, at 127.0.0.1 too');
  }
  return { toPod: [...toPod.values()], fromPod: [...fromPod.values()] };
}

function declaredBy({ ports = [] }: Container): PodPort[] {
  return ports.flatMap(({ containerPort: port, protocol = 'TCP' }) => {
    if (protocol === 'TCP') return { port, protocol: 'tcp' };
    return protocol === 'UDP' ? { port, protocol: 'udp' } : []; // of SCTP the tunnel knows nothing
  });
}

/** By their text, so that each is there once. */
function portsOf(flag: string, texts: readonly string[]): Map<string, PodPort> {
  return new Map(
    texts.map((text) => {
      const [, digits, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
      const port = Number(digits);
      if (port > 0 && port < 65_536) {
        const found = { port, protocol } as PodPort;
        return [podPortText(found), found];
      }
      throw new TpError('TP_BAD_PORT', `${flag} ${text}: not a port, PORT or PORT/udp`, {
        hint: `${flag} 9901`,
      });
    }),
  );
}

const clash = (flag: string, why: string, sidecar?: string): TpError =>
  new TpError(
    'TP_BAD_PORT',
    `${flag}: ${why}`,
    sidecar === undefined ? {} : { hint: `--without-container ${sidecar}` },
  );
