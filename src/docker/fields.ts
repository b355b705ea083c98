import type Dockerode from 'dockerode';

/**
 * What becomes of each field of a container that Docker's client would have created (Docker Engine API,
 * ContainerCreate). A test compares these tables with the installed client and daemon, so that a new field is decided
 * on, not dropped. Until then one that is not in a table is kept.
 */
export type Fate =
  /** The user's container has it as it was asked for. */
  | 'kept'
  /** The network container has it: Docker refuses or ignores it on a container that joins another's network. */
  | 'moved'
  /** Both containers have it. */
  | 'both'
  /** What the user asked for and what the session needs are joined. */
  | 'merged'
  /** The session refuses it, with a hint, unless it is at its default. */
  | 'refused'
  /** Docker's own finding, not somebody's wish. */
  | 'found';

const all = <const T extends readonly string[]>(fate: Fate, ...names: T): Record<string, Fate> =>
  Object.fromEntries(names.map((name) => [name, fate]));

/** Fields of the container's Config. */
export const CONFIG: Readonly<Record<string, Fate>> = {
  ...all(
    'kept',
    'ArgsEscaped',
    'AttachStderr',
    'AttachStdin',
    'AttachStdout',
    'Cmd',
    'Entrypoint',
    'Healthcheck',
  ),
  ...all('kept', 'Image', 'OnBuild', 'OpenStdin', 'Shell', 'StdinOnce', 'StopSignal', 'StopTimeout', 'Tty'),
  ...all('kept', 'Volumes', 'WorkingDir'),
  ...all('moved', 'Domainname', 'ExposedPorts', 'Hostname', 'MacAddress'),
  ...all('merged', 'Env', 'Labels', 'User'),
  ...all('refused', 'NetworkDisabled'),
};

/** Fields of the container's HostConfig. */
export const HOST_CONFIG: Readonly<Record<string, Fate>> = {
  ...all('kept', 'Annotations', 'Binds', 'BlkioDeviceReadBps', 'BlkioDeviceReadIOps', 'BlkioDeviceWriteBps'),
  ...all('kept', 'BlkioDeviceWriteIOps', 'BlkioWeight', 'BlkioWeightDevice', 'CapAdd', 'CapDrop', 'Cgroup'),
  ...all('kept', 'CgroupParent', 'CgroupnsMode', 'ConsoleSize', 'ContainerIDFile', 'CpuCount', 'CpuPercent'),
  ...all(
    'kept',
    'CpuPeriod',
    'CpuQuota',
    'CpuRealtimePeriod',
    'CpuRealtimeRuntime',
    'CpuShares',
    'CpusetCpus',
  ),
  ...all('kept', 'CpusetMems', 'DeviceCgroupRules', 'DeviceRequests', 'Devices', 'IOMaximumBandwidth'),
  ...all(
    'kept',
    'IOMaximumIOps',
    'Init',
    'IpcMode',
    'Isolation',
    'KernelMemory',
    'KernelMemoryTCP',
    'LogConfig',
  ),
  ...all('kept', 'MaskedPaths', 'Memory', 'MemoryReservation', 'MemorySwap', 'MemorySwappiness'),
  ...all('kept', 'NanoCpus', 'OomKillDisable', 'OomScoreAdj', 'PidMode', 'PidsLimit', 'Privileged'),
  ...all(
    'kept',
    'ReadonlyPaths',
    'ReadonlyRootfs',
    'Runtime',
    'SecurityOpt',
    'ShmSize',
    'StorageOpt',
    'Tmpfs',
  ),
  ...all('kept', 'UTSMode', 'Ulimits', 'VolumeDriver', 'VolumesFrom'),
  ...all('moved', 'Links', 'PortBindings', 'PublishAllPorts'),
  ...all('both', 'UsernsMode'), // a namespace can only be joined from the same user namespace
  ...all(
    'merged',
    'GroupAdd',
    'Mounts',
    'AutoRemove',
    'Dns',
    'DnsOptions',
    'DnsSearch',
    'ExtraHosts',
    'Mounts',
    'NetworkMode',
    'Sysctls',
  ),
  ...all('refused', 'RestartPolicy'),
};

/** Fields of each of the container's network endpoints. */
export const ENDPOINT: Readonly<Record<string, Fate>> = {
  ...all('moved', 'DriverOpts', 'GwPriority', 'IPAMConfig', 'Links', 'MacAddress'),
  ...all('merged', 'Aliases'),
  ...all(
    'found',
    'DNSNames',
    'EndpointID',
    'Gateway',
    'GlobalIPv6Address',
    'GlobalIPv6PrefixLen',
    'IPAddress',
  ),
  ...all('found', 'IPPrefixLen', 'IPv6Gateway', 'NetworkID'),
};

/** The fields of `object` that the network container gets unchanged. */
export const movedFields = <T extends object>(object: T, table: Readonly<Record<string, Fate>>): Partial<T> =>
  pick(object, table, (fate) => fate === 'moved' || fate === 'both');

/** The fields of `object` that stay with the user's container unchanged, those that no table knows among them. */
export const keptFields = <T extends object>(object: T, table: Readonly<Record<string, Fate>>): Partial<T> =>
  pick(object, table, (fate) => fate === undefined || fate === 'kept' || fate === 'both');

function pick<T extends object>(
  object: T,
  table: Readonly<Record<string, Fate>>,
  wanted: (fate: Fate | undefined) => boolean,
): Partial<T> {
  const entries = Object.entries(object).filter(([name]) => wanted(table[name]));
  return Object.fromEntries(entries) as Partial<T>;
}

/** Settings of the network stack, which the network container owns: `net.…`; the others stay. */
export function splitSysctls(sysctls: Dockerode.HostConfig['Sysctls']): {
  network: Record<string, string>;
  user: Record<string, string>;
} {
  const parts = { network: {} as Record<string, string>, user: {} as Record<string, string> };
  for (const [name, value] of Object.entries(sysctls ?? {}))
    parts[name.startsWith('net.') ? 'network' : 'user'][name] = value;
  return parts;
}
