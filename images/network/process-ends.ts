/** Where the user's process answers for what was called in the pod. */
import { isLoopback } from '../address.ts';
import { FAMILIES, familyOf } from './ip.ts';
import type { Configuration } from './messages.ts';

/** The process's port that answers for one of the pod's, of TCP without a protocol; undefined for one that is none of the session's. */
export function processPort(
  { ports, fromPod }: Pick<Configuration, 'ports' | 'fromPod'>,
  pod: number,
  protocol?: 'UDP',
): number | undefined {
  const mapping = ports.find((each) => each.pod === pod && each.protocol === protocol);
  const named = fromPod.some((each) => each.port === pod && each.protocol === (protocol ? 'udp' : 'tcp'));
  return mapping?.process ?? (named ? pod : undefined);
}

/**
 * Where the process is looked for: first where a caller of this family would reach it in the pod. A sidecar that calls the
 * pod's loopback reaches what listens at loopback, and nothing else; of both families, for the proxy has accepted at one.
 */
export function processAddresses(caller: string, podAddresses: readonly string[]): string[] {
  const family = familyOf(caller);
  const ownFirst = (addresses: readonly string[]) => [
    ...addresses.filter((address) => familyOf(address) === family),
    ...addresses.filter((address) => familyOf(address) !== family),
  ];
  const loopback = FAMILIES.map((each) => each.loopback);
  return isLoopback(caller) ? ownFirst(loopback) : [...ownFirst(podAddresses), ...loopback];
}
