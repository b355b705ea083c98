import type Dockerode from 'dockerode';
import { LINK_DIRECTORY } from '../../images/network/messages.ts';
import type { Draft } from './draft.ts';
import { ExecStream } from './exec-stream.ts';

export interface NetworkContainerOptions {
  name: string;
  image: string;
  hostname: string;
  labels: Record<string, string>;
  /** A directory of the host's to share, for the agent's socket. */
  directory?: string | undefined;
}

/** The container that owns the session's network namespace, and what Docker refuses on one that joins it. */
export function networkContainer(
  draft: Draft,
  options: NetworkContainerOptions,
): Dockerode.ContainerCreateOptions {
  const { Config, HostConfig, Id, NetworkSettings } = draft.inspect;
  const user = Config as Dockerode.ContainerCreateOptions & { MacAddress?: string };
  const ownHostname = user.Hostname && !Id.startsWith(user.Hostname) ? user.Hostname : undefined;
  const mode = HostConfig.NetworkMode ?? 'default';
  const endpoint = NetworkSettings.Networks?.[mode];
  return {
    name: options.name,
    Image: options.image,
    Hostname: ownHostname ?? options.hostname,
    Domainname: user.Domainname ?? '',
    ExposedPorts: user.ExposedPorts,
    MacAddress: user.MacAddress,
    Labels: options.labels,
    HostConfig: {
      NetworkMode: mode,
      PortBindings: HostConfig.PortBindings,
      PublishAllPorts: HostConfig.PublishAllPorts,
      Links: HostConfig.Links,
      ExtraHosts: [...(HostConfig.ExtraHosts ?? []), 'host.docker.internal:host-gateway'],
      // A mount, unlike a bind, is refused where the daemon has no such directory: it makes nothing up.
      Mounts: options.directory ? [{ Type: 'bind', Source: options.directory, Target: LINK_DIRECTORY }] : [],
      // What the agent needs: routes, rules, the TUN device; and to write into a directory of the user's.
      CapDrop: ['ALL'],
      CapAdd: ['NET_ADMIN', 'NET_RAW', 'DAC_OVERRIDE'],
      Devices: [{ PathOnHost: '/dev/net/tun', PathInContainer: '/dev/net/tun', CgroupPermissions: 'rwm' }],
      // Nothing is forwarded for siblings; replies may leave by another interface than the route says.
      Sysctls: {
        'net.ipv4.ip_forward': '0',
        'net.ipv4.conf.all.rp_filter': '2',
        // IPv6 has no way through the tunnel yet, so it has none past it either.
        'net.ipv6.conf.all.disable_ipv6': '1',
        'net.ipv6.conf.default.disable_ipv6': '1',
      },
    },
    NetworkingConfig:
      endpoint && !/^(default|bridge)$/.test(mode)
        ? {
            EndpointsConfig: { [mode]: { Aliases: endpoint.Aliases ?? [], IPAMConfig: endpoint.IPAMConfig } },
          }
        : undefined,
  } as Dockerode.ContainerCreateOptions;
}

/** Creates the network container; without the shared directory where the daemon does not have it. */
export async function createWithDirectory(
  docker: Dockerode,
  draft: Draft,
  options: NetworkContainerOptions,
): Promise<Dockerode.Container> {
  try {
    return await docker.createContainer(networkContainer(draft, options));
  } catch (error) {
    const refused = (error as { statusCode?: number }).statusCode === 400 && options.directory !== undefined;
    if (!refused || !`${(error as Error).message}`.includes(options.directory ?? '')) throw error;
    return await docker.createContainer(networkContainer(draft, { ...options, directory: undefined }));
  }
}

/** Networks beside the first that the user named; Docker connects them one by one. */
export async function connectNetworks(docker: Dockerode, draft: Draft, container: string): Promise<void> {
  const { HostConfig, NetworkSettings } = draft.inspect;
  for (const [name, endpoint] of Object.entries(NetworkSettings.Networks ?? {})) {
    if (name === HostConfig.NetworkMode || (name === 'bridge' && HostConfig.NetworkMode === 'default'))
      continue;
    const { Aliases, IPAMConfig } = endpoint;
    await docker.getNetwork(name).connect({ Container: container, EndpointConfig: { Aliases, IPAMConfig } });
  }
}

/** A link to the agent through Docker's API. */
export const bridgeToAgent = (container: Dockerode.Container): Promise<ExecStream> =>
  ExecStream.start(container, ['node', '/opt/tp/bridge.cjs']);

/** The published ports, as lines for a person: `8080 -> 0.0.0.0:32768`. */
export async function publishedPorts(container: Dockerode.Container): Promise<string[]> {
  const { NetworkSettings } = await container.inspect();
  return Object.entries(NetworkSettings.Ports ?? {}).flatMap(([port, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort} -> ${port}`),
  );
}
