import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { hostsLikePod } from '../hosts-file.ts';
import { ip, iptables, TUN } from './ip.ts';
import { REDIRECT_PORT } from './messages.ts';

/** Routes, rules and files that make the network namespace the pod's. Needs NET_ADMIN. */

/** Whole datagrams reach the TUN device, however large: nothing has to be put together again. */
export const TUN_MTU = 65_535;

/** Replies on connections that came in through Docker's interfaces go back there, by this mark and table. */
const INBOUND_MARK = '1';
const INBOUND_TABLE = '100';

interface Route {
  dst: string;
  dev: string;
  gateway?: string;
  prefsrc?: string;
}

async function dockerRoutes(table = 'main'): Promise<Route[]> {
  const routes = JSON.parse(await ip('-4', '-json', 'route', 'show', 'table', table)) as Route[];
  return routes.filter(({ dev }) => dev.startsWith('eth'));
}

/** Brings the TUN device up as the pod's, and sends everything into it. A device goes with its agent, and its routes with it. */
async function useTun(podAddress: string): Promise<void> {
  await ip('address', 'replace', `${podAddress}/32`, 'dev', TUN);
  await ip('link', 'set', TUN, 'mtu', `${TUN_MTU}`, 'up');
  await ip('route', 'replace', 'default', 'dev', TUN, 'src', podAddress);
}

/**
 * Sends everything into the TUN device but what is local, and redirects TCP there to the agent. From then on no route
 * leads past the device, whether the agent lives or not. Returns the gateways of Docker's networks. Where an earlier agent
 * has done it, only the device is new.
 */
export async function takeOverRoutes(podAddress: string): Promise<string[]> {
  const done = (await ip('rule', 'show')).includes(`lookup ${INBOUND_TABLE}`);
  const docker = await dockerRoutes(done ? INBOUND_TABLE : 'main');
  const gateways = docker.flatMap(({ gateway }) => gateway ?? []);
  if (done) {
    await useTun(podAddress);
    return gateways;
  }
  for (const { dst, dev, gateway } of docker) {
    const via = gateway ? ['via', gateway] : [];
    await ip('route', 'replace', dst, ...via, 'dev', dev, 'table', INBOUND_TABLE);
  }
  await ip('rule', 'add', 'fwmark', INBOUND_MARK, 'lookup', INBOUND_TABLE);
  await iptables('-t', 'mangle', '-A', 'PREROUTING', '-i', 'eth+', '-m', 'conntrack', '--ctstate', 'NEW',
    '-j', 'CONNMARK', '--set-mark', INBOUND_MARK); // biome-ignore format: one rule
  await iptables('-t', 'mangle', '-A', 'OUTPUT', '-m', 'conntrack', '--ctdir', 'REPLY', '-m', 'connmark',
    '!', '--mark', '0', '-j', 'CONNMARK', '--restore-mark'); // biome-ignore format: one rule
  await iptables('-t', 'nat', '-A', 'OUTPUT', '-o', TUN, '-p', 'tcp',
    '-j', 'REDIRECT', '--to-ports', `${REDIRECT_PORT}`); // biome-ignore format: one rule
  await useTun(podAddress);
  for (const { dst, dev, gateway, prefsrc } of docker) {
    if (gateway) await ip('route', 'replace', `${gateway}/32`, 'dev', dev);
    if (dst === 'default') continue;
    await ip('route', 'del', dst, 'dev', dev, ...(prefsrc ? ['src', prefsrc] : []));
  }
  return gateways;
}

/** Local addresses by the way that Docker's own routes give for them. */
export class LocalRoutes {
  readonly #present = new Set<string>();

  /** Makes exactly `addresses` local, beside what was so from the start. Returns those that no network reaches. */
  async set(addresses: readonly string[]): Promise<string[]> {
    const unreachable: string[] = [];
    for (const address of addresses) {
      if (this.#present.has(address)) continue;
      const way = await this.#wayTo(address);
      if (!way) {
        unreachable.push(address);
        continue;
      }
      await ip('route', 'replace', address, ...way);
      this.#present.add(address);
    }
    for (const address of this.#present) {
      if (addresses.includes(address)) continue;
      await ip('route', 'del', address);
      this.#present.delete(address);
    }
    return unreachable;
  }

  async #wayTo(address: string): Promise<string[] | undefined> {
    const [host = ''] = address.split('/');
    try {
      const [route] = JSON.parse(
        await ip('-4', '-json', 'route', 'get', host, 'mark', INBOUND_MARK),
      ) as Route[];
      if (!route?.dev.startsWith('eth')) return undefined;
      return [...(route.gateway ? ['via', route.gateway] : []), 'dev', route.dev];
    } catch {
      return undefined; // "Network is unreachable" is the answer
    }
  }
}

/** What `host.docker.internal` means in this container, as Docker has written it into its hosts file. */
export function dockerHostAddresses(): string[] {
  const lines = readFileSync('/etc/hosts', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return lines
    .filter(([, ...names]) => names.includes('host.docker.internal'))
    .flatMap(([address]) => address ?? []);
}

/** Makes the container's names mean what they mean in the pod; in place, as the file is a mount. */
export function writeHosts(podAddress: string, aliases: readonly string[]): void {
  writeFileSync(
    '/etc/hosts',
    hostsLikePod(readFileSync('/etc/hosts', 'utf8'), podAddress, hostname(), aliases),
  );
}

/** Writes the pod's resolv.conf into the file that all joined containers share; in place, as it is a mount. */
export function writeResolvConf(text: string): void {
  writeFileSync('/etc/resolv.conf', text);
}
