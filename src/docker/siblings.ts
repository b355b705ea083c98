import type Dockerode from 'dockerode';
import { exists } from './exists.ts';

export interface Siblings {
  addresses: string[];
  /** Names that Docker's own resolver would know, in lower case. */
  names: Record<string, string[]>;
}

/**
 * The containers on the same Docker networks as `container`, by address; by name on networks that have names. `links` are
 * further names of Compose services, by service.
 */
export async function findSiblings(
  docker: Dockerode,
  container: string,
  links: Readonly<Record<string, readonly string[]>> = {},
): Promise<Siblings> {
  const own = await docker.getContainer(container).inspect();
  const networks = Object.keys(own.NetworkSettings.Networks ?? {});
  const listed = await docker.listContainers({ filters: { network: networks } });
  // Each by itself, for Docker's list has no aliases.
  const others = await Promise.all(listed.map(({ Id }) => stillThere(docker.getContainer(Id).inspect())));
  const addresses = new Set<string>();
  const names = new Map<string, Set<string>>();
  for (const other of others) {
    if (!other || other.Id === own.Id) continue;
    for (const network of networks) {
      const endpoint = other.NetworkSettings.Networks[network];
      if (!endpoint) continue;
      const own = [endpoint.IPAddress, endpoint.GlobalIPv6Address].filter((address) => Boolean(address));
      for (const address of own) addresses.add(address);
      if (network === 'bridge') continue; // the default network has no names
      const service = other.Config.Labels['com.docker.compose.service'];
      const known = [other.Name.replace(/^\//, ''), ...(endpoint.Aliases ?? [])];
      for (const name of service ? [...known, service, ...(links[service] ?? [])] : known) {
        const set = names.get(name.toLowerCase()) ?? new Set();
        for (const address of own) names.set(name.toLowerCase(), set.add(address));
      }
    }
  }
  const table = Object.fromEntries([...names].map(([name, set]) => [name, [...set]]));
  return { addresses: [...addresses].sort(), names: table };
}

/** What was found; undefined where the container has gone meanwhile. */
async function stillThere<T>(inspected: Promise<T>): Promise<T | undefined> {
  return (await exists(inspected)) ? await inspected : undefined;
}

/** Calls `onChange` whenever containers come to or leave a network, until `signal` aborts. */
export async function watchSiblings(
  docker: Dockerode,
  signal: AbortSignal,
  onChange: () => void,
): Promise<void> {
  const events = (await docker.getEvents({
    // Its start, too: a container is connected before Docker lists it among those that run.
    filters: { type: ['network', 'container'], event: ['connect', 'disconnect', 'start'] },
    abortSignal: signal,
  })) as NodeJS.ReadableStream & { destroy(): void };
  events.on('data', onChange);
  events.on('error', () => {}); // the session's end, or Docker's, which others notice
  signal.addEventListener('abort', () => events.destroy(), { once: true });
}
