import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { hostsLikePod } from '../hosts-file.ts';
import { FAMILIES, type Family, familyOf, ip, ipAll, iptablesAll, TUN } from './ip.ts';
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

async function dockerRoutes({ option }: Family, table = 'main'): Promise<Route[]> {
  const routes = JSON.parse(await ip(option, '-json', 'route', 'show', 'table', table)) as Route[];
  // Each link has its own fe80::/64: what is there is the link itself.
  return routes.filter(({ dev, dst }) => dev.startsWith('eth') && dst !== 'fe80::/64');
}

/** Brings the TUN device up as the pod's, and sends everything into it. A device goes with its agent, and its routes with it. */
function tunCommands(family: Family, podAddresses: readonly string[]): string[][] {
  const { bits } = family;
  // Nobody else can have the address: it is not looked for first.
  const nodad = bits === 128 ? ['nodad'] : [];
  return [
    ['link', 'set', TUN, 'mtu', `${TUN_MTU}`, 'up'],
    ...podAddresses.flatMap((address) => [
      ['address', 'replace', `${address}/${bits}`, 'dev', TUN, ...nodad],
      ['route', 'replace', 'default', 'dev', TUN, 'src', address],
    ]),
  ];
}

/**
 * Sends everything into the TUN device but what is local, and redirects TCP there to the agent. From then on no route
 * leads past the device, whether the agent lives or not; a family of which the pod has no address leads nowhere, as in the
 * pod. Returns the gateways of Docker's networks, which are local but for those among `clusterAddresses`. Where an earlier
 * agent has done it, only the device is new.
 */
export async function takeOverRoutes(
  podAddresses: readonly string[],
  clusterAddresses: readonly string[] = [],
): Promise<string[]> {
  const [rules, ...main] = await Promise.all([
    ip('rule', 'show'),
    ...FAMILIES.map((family) => dockerRoutes(family)),
  ]);
  const done = rules.includes(`lookup ${INBOUND_TABLE}`);
  const found = done ? await Promise.all(FAMILIES.map((each) => dockerRoutes(each, INBOUND_TABLE))) : main;
  const docker = FAMILIES.map((family, index) => ({
    family,
    routes: found[index] ?? [],
    addresses: podAddresses.filter((address) => familyOf(address) === family),
  }));
  await Promise.all(
    docker.flatMap(({ family, routes, addresses }) => [
      ipAll(family, [
        ...(done ? [] : [...inboundCommands(routes), ...localCommands(family, routes, clusterAddresses)]),
        ...(addresses.length > 0 ? tunCommands(family, addresses) : []),
      ]),
      done || (addresses.length === 0 && routes.length === 0) ? undefined : redirectTcp(family),
    ]),
  );
  return docker.flatMap(({ routes }) => routes.flatMap(({ gateway }) => gateway ?? []));
}

/** Has what came in through Docker's interfaces answered there. */
const inboundCommands = (routes: Route[]): string[][] => [
  ...routes.map(({ dst, dev, gateway }) => {
    const via = gateway ? ['via', gateway] : [];
    return ['route', 'replace', dst, ...via, 'dev', dev, 'table', INBOUND_TABLE];
  }),
  ['rule', 'add', 'fwmark', INBOUND_MARK, 'lookup', INBOUND_TABLE],
];

/** Leaves of Docker's routes only the gateways. */
const localCommands = (family: Family, routes: Route[], clusterAddresses: readonly string[]): string[][] => [
  ...routes.flatMap(({ dev, gateway }) =>
    gateway && !clusterAddresses.includes(gateway)
      ? [['route', 'replace', `${gateway}/${family.bits}`, 'dev', dev]]
      : [],
  ),
  ...routes.map(({ dst, dev, prefsrc }) => {
    return ['route', 'del', dst, 'dev', dev, ...(prefsrc ? ['src', prefsrc] : [])];
  }),
];

/** Marks what comes in through Docker's interfaces, and redirects the rest of TCP to the agent. */
// biome-ignore format: a line for what is looked at, a line for what is done
const redirectTcp = (family: Family): Promise<void> => iptablesAll(family, [
  { table: 'mangle', words: ['-A', 'PREROUTING', '-i', 'eth+', '-m', 'conntrack', '--ctstate', 'NEW',
    '-j', 'CONNMARK', '--set-mark', INBOUND_MARK] },
  { table: 'mangle', words: ['-A', 'OUTPUT', '-m', 'conntrack', '--ctdir', 'REPLY', '-m', 'connmark', '!', '--mark', '0',
    '-j', 'CONNMARK', '--restore-mark'] },
  { table: 'nat', words: ['-A', 'OUTPUT', '-o', TUN, '-p', 'tcp',
    '-j', 'REDIRECT', '--to-ports', `${REDIRECT_PORT}`] },
]);

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
      await ip(familyOf(address).option, 'route', 'replace', address, ...way);
      this.#present.add(address);
    }
    for (const address of this.#present) {
      if (addresses.includes(address)) continue;
      await ip(familyOf(address).option, 'route', 'del', address);
      this.#present.delete(address);
    }
    return unreachable;
  }

  async #wayTo(address: string): Promise<string[] | undefined> {
    const [host = ''] = address.split('/');
    try {
      const [route] = JSON.parse(
        await ip(familyOf(host).option, '-json', 'route', 'get', host, 'mark', INBOUND_MARK),
      ) as Route[];
      if (!route?.dev.startsWith('eth')) return undefined;
      // The gateway is at the other end of the link, also where its address leads elsewhere.
      return [...(route.gateway ? ['via', route.gateway, 'onlink'] : []), 'dev', route.dev];
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
export function writeHosts(podAddresses: readonly string[], aliases: readonly string[]): void {
  writeFileSync(
    '/etc/hosts',
    hostsLikePod(readFileSync('/etc/hosts', 'utf8'), podAddresses, hostname(), aliases),
  );
}

/** Writes the pod's resolv.conf into the file that all joined containers share; in place, as it is a mount. */
export function writeResolvConf(text: string): void {
  writeFileSync('/etc/resolv.conf', text);
}
