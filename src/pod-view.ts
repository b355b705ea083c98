import { isIP } from 'node:net';
import { nameserversOf } from '../images/resolv-conf.ts';
import type { PodView } from './tunnel/control.ts';

/** The pod as the user's container shall see it: without the variables `unset`. `warn` gets a line for each that is not there. */
export function withoutVariables(
  view: PodView,
  unset: readonly string[],
  warn: (message: string) => void,
): PodView {
  const environment = { ...view.environment };
  for (const name of unset) {
    if (!Object.hasOwn(environment, name)) warn(`--unset ${name}: the pod has no such variable`);
    delete environment[name];
  }
  return { ...view, environment };
}

/** Addresses that the pod knows as the cluster's: its nameservers, and the Services of which its environment tells. */
export function clusterAddresses({ environment, resolvConf }: PodView): string[] {
  const services = Object.entries(environment).flatMap(([name, value]) =>
    name.endsWith('_SERVICE_HOST') && isIP(value) !== 0 ? value : [],
  );
  return [...new Set([...nameserversOf(resolvConf), ...services])];
}
