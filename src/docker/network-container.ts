import type Dockerode from 'dockerode';
import { LINK_DIRECTORY, MOUNTS_DIRECTORY } from '../../images/network/messages.ts';
import { createContainer } from './create-container.ts';
import type { Draft } from './draft.ts';
import { ExecStream } from './exec-stream.ts';
import { CONFIG, ENDPOINT, HOST_CONFIG, movedFields, splitSysctls } from './fields.ts';
import { type SessionVolumes, VOLUME_KINDS } from './session-volumes.ts';

export interface NetworkContainerOptions {
  name: string;
  image: string;
  hostname: string;
  labels: Record<string, string>;
  /** A directory of the host's to share, for the agent's socket. */
  directory?: string | undefined;
  /** The volumes for the pod's files. */
  volumes?: SessionVolumes | undefined;
}

/**
 * Settings that the agent relies on: nothing is forwarded for siblings; replies may leave by another interface than the
 * route says; and a router on Docker's network that announces itself for IPv6 does not become a way past the tunnel.
 */
export const OWN_SYSCTLS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '0',
  'net.ipv4.conf.all.rp_filter': '2',
  'net.ipv6.conf.all.disable_ipv6': '0',
  'net.ipv6.conf.default.disable_ipv6': '0',
  'net.ipv6.conf.all.accept_ra': '0',
  'net.ipv6.conf.default.accept_ra': '0',
  'net.ipv6.conf.all.forwarding': '0',
};

/** The agent's log: readable by `docker logs` whatever the daemon's default is, and of a bounded size. */
const LOG: Dockerode.HostConfig['LogConfig'] = {
  Type: 'json-file',
  Config: { 'max-size': '1m', 'max-file': '2' },
};

/** The container that owns the session's network namespace, and what Docker refuses on one that joins it. */
export function networkContainer(
  draft: Draft,
  options: NetworkContainerOptions,
): Dockerode.ContainerCreateOptions {
  const { Config, HostConfig, Id, NetworkSettings } = draft.inspect;
  const { Hostname } = Config;
  const ownHostname = Hostname && !Id.startsWith(Hostname) ? Hostname : undefined;
  const mode = HostConfig.NetworkMode ?? 'default';
  const endpoint = NetworkSettings.Networks?.[mode];
  return {
    ...movedFields(Config, CONFIG),
    name: options.name,
    Image: options.image,
    Hostname: ownHostname ?? options.hostname,
    Labels: options.labels,
    HostConfig: {
      ...movedFields(HostConfig, HOST_CONFIG),
      NetworkMode: mode,
      ExtraHosts: [...(HostConfig.ExtraHosts ?? []), 'host.docker.internal:host-gateway'],
      Mounts: mountsOf(options),
      // What the agent needs: routes, rules, the TUN device; to write into a directory of the user's; and the pod's files
      // with their owners and modes.
      CapDrop: ['ALL'],
      CapAdd: ['NET_ADMIN', 'NET_RAW', 'DAC_OVERRIDE', 'CHOWN', 'FOWNER', 'FSETID'],
      Devices: [{ PathOnHost: '/dev/net/tun', PathInContainer: '/dev/net/tun', CgroupPermissions: 'rwm' }],
      Sysctls: { ...splitSysctls(HostConfig.Sysctls).network, ...OWN_SYSCTLS },
      LogConfig: LOG,
    },
    NetworkingConfig:
      endpoint && !/^(default|bridge)$/.test(mode)
        ? { EndpointsConfig: { [mode]: endpointFor(draft, endpoint) } }
        : undefined,
  } as Dockerode.ContainerCreateOptions;
}

function mountsOf({ directory, volumes }: NetworkContainerOptions): Dockerode.MountSettings[] {
  const kinds = volumes ? VOLUME_KINDS.map((kind) => [volumes[kind], MOUNTS_DIRECTORY[kind]] as const) : [];
  return [
    // A mount, unlike a bind, is refused where the daemon has no such directory: it makes nothing up.
    ...(directory ? [{ Type: 'bind' as const, Source: directory, Target: LINK_DIRECTORY }] : []),
    ...kinds.map(([Source, Target]) => ({ Type: 'volume' as const, Source, Target })),
  ];
}

/** The endpoint that the user's container would have had on a network of the user's, by its name too. */
function endpointFor(draft: Draft, endpoint: Dockerode.NetworkInfo): Dockerode.EndpointSettings {
  const { Id, Name } = draft.inspect;
  // Docker adds the container's short id to the aliases, which was the draft's.
  const aliases = (endpoint.Aliases ?? []).filter((alias: string) => !Id.startsWith(alias));
  const moved = movedFields(endpoint, ENDPOINT) as Dockerode.EndpointSettings;
  return { ...moved, Aliases: [...aliases, Name.replace(/^\//, '')] };
}

/** Creates the network container; without the shared directory where the daemon does not have it. */
export async function createWithDirectory(
  docker: Dockerode,
  draft: Draft,
  options: NetworkContainerOptions,
): Promise<Dockerode.Container> {
  try {
    return await createContainer(docker, networkContainer(draft, options));
  } catch (error) {
    const refused = (error as { statusCode?: number }).statusCode === 400 && options.directory !== undefined;
    if (!refused || !`${(error as Error).message}`.includes(options.directory ?? '')) throw error;
    return await createContainer(docker, networkContainer(draft, { ...options, directory: undefined }));
  }
}

/** Networks beside the first that the user named; Docker connects them one by one. */
export async function connectNetworks(docker: Dockerode, draft: Draft, container: string): Promise<void> {
  const { HostConfig, NetworkSettings } = draft.inspect;
  for (const [name, endpoint] of Object.entries(NetworkSettings.Networks ?? {})) {
    if (name === HostConfig.NetworkMode || (name === 'bridge' && HostConfig.NetworkMode === 'default'))
      continue;
    const EndpointConfig = endpointFor(draft, endpoint);
    await docker.getNetwork(name).connect({ Container: container, EndpointConfig });
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
