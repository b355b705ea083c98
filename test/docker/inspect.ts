import type Dockerode from 'dockerode';
import type { Draft } from '../../src/docker/draft.ts';

export const ID = '365737feab135352b40ec3df1a78c4a59105e6a2689c25e0454095763603524f';

/**
 * What `docker inspect` says of a container that was created, not started, from
 * `docker create -it --name shop -h web --domainname example.com -p 9229:9229 --expose 90 --dns 1.1.1.1 --dns-search a
 * --add-host db:10.0.0.5 --link other:o --mac-address … -e X=1 -v /src:/app -v /data examplecom/servicename npm run dev`
 * by Docker 20.10 (recorded).
 */
const DOCKER_20 = {
  Id: ID,
  Created: '2026-11-23T10:05:44.786918843Z',
  Path: 'docker-entrypoint.sh',
  Args: ['npm', 'run', 'dev'],
  State: { Status: 'created', Running: false, Pid: 0, ExitCode: 0 },
  Image: 'sha256:456b253917218c127b071b40e2e933ea2e7e595dc7067e2d6d4d1d3bef437eb3',
  Name: '/shop',
  RestartCount: 0,
  Driver: 'overlay2',
  Platform: 'linux',
  HostConfig: {
    Binds: ['/src:/app'],
    ContainerIDFile: '',
    LogConfig: { Type: 'json-file', Config: {} },
    NetworkMode: 'default',
    PortBindings: { '9229/tcp': [{ HostIp: '', HostPort: '9229' }] },
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: true,
    VolumesFrom: null,
    CapAdd: ['SYS_PTRACE'],
    CapDrop: null,
    CgroupnsMode: 'host',
    Dns: ['1.1.1.1'],
    DnsOptions: ['ndots:2'],
    DnsSearch: ['a'],
    ExtraHosts: ['db:10.0.0.5'],
    GroupAdd: null,
    IpcMode: 'private',
    Links: ['/other:/shop/o'],
    PidMode: '',
    Privileged: false,
    PublishAllPorts: true,
    ReadonlyRootfs: false,
    SecurityOpt: null,
    ShmSize: 67_108_864,
    Runtime: 'runc',
    Memory: 268_435_456,
    Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: 2048 }],
    KernelMemory: 0,
    MemorySwappiness: null,
    OomKillDisable: false,
    MaskedPaths: ['/proc/kcore'],
    ReadonlyPaths: ['/proc/sys'],
  },
  Mounts: [
    { Type: 'bind', Source: '/src', Destination: '/app', Mode: '', RW: true, Propagation: 'rprivate' },
  ],
  Config: {
    Hostname: 'web',
    Domainname: 'example.com',
    User: '1000:1000',
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    ExposedPorts: { '90/tcp': {}, '9229/tcp': {} },
    Tty: true,
    OpenStdin: true,
    StdinOnce: true,
    Env: ['X=1', 'PATH=/usr/local/bin:/usr/bin:/bin', 'NODE_VERSION=24.21.0'],
    Cmd: ['npm', 'run', 'dev'],
    Image: 'examplecom/servicename',
    Volumes: { '/data': {} },
    WorkingDir: '/app',
    Entrypoint: ['docker-entrypoint.sh'],
    MacAddress: '02:42:ac:11:00:99',
    OnBuild: null,
    Labels: { team: 'shop', 'tp/session': 'draft' },
    StopSignal: 'SIGINT',
  },
  NetworkSettings: {
    Bridge: '',
    SandboxID: '',
    Ports: {},
    MacAddress: '',
    Networks: {
      bridge: {
        IPAMConfig: null,
        Links: null,
        Aliases: null,
        NetworkID: '',
        EndpointID: '',
        IPAddress: '',
        MacAddress: '',
        DriverOpts: null,
      },
    },
  },
};

/** The same by Docker 28 (Engine API 1.51): the address of the hardware and the names belong to each network. */
const DOCKER_28 = {
  ...DOCKER_20,
  ImageManifestDescriptor: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 1,
    digest: 'sha256:0',
  },
  HostConfig: {
    ...DOCKER_20.HostConfig,
    NetworkMode: 'bridge',
    CgroupnsMode: 'private',
    ConsoleSize: [24, 80],
    OomKillDisable: null,
    KernelMemory: undefined,
    Annotations: { a: 'b' },
  },
  Config: { ...DOCKER_20.Config, MacAddress: undefined, OnBuild: undefined },
  NetworkSettings: {
    ...DOCKER_20.NetworkSettings,
    Networks: {
      bridge: {
        IPAMConfig: null,
        Links: null,
        Aliases: null,
        MacAddress: '02:42:ac:11:00:99',
        DriverOpts: null,
        GwPriority: 0,
        NetworkID: '',
        EndpointID: '',
        IPAddress: '',
        DNSNames: null,
      },
    },
  },
};

export const IMAGE_ENVIRONMENT = ['PATH=/usr/local/bin:/usr/bin:/bin', 'NODE_VERSION=24.21.0'];

export interface Changes {
  Config?: Record<string, unknown>;
  HostConfig?: Record<string, unknown>;
  Networks?: Record<string, unknown>;
}

function draftOf(
  recorded: typeof DOCKER_20 | typeof DOCKER_28,
  { Config, HostConfig, Networks }: Changes,
): Draft {
  // As it comes over the wire: members without a value are not there.
  const inspect = JSON.parse(
    JSON.stringify({
      ...recorded,
      Config: { ...recorded.Config, ...Config },
      HostConfig: { ...recorded.HostConfig, ...HostConfig },
      NetworkSettings: {
        ...recorded.NetworkSettings,
        Networks: Networks ?? recorded.NetworkSettings.Networks,
      },
    }),
  ) as Dockerode.ContainerInspectInfo;
  return {
    image: 'examplecom/servicename',
    imageEnvironment: IMAGE_ENVIRONMENT,
    imageVolumes: [],
    imageUser: '',
    platform: undefined,
    inspect,
  };
}

/** The drafts by name of the Docker version whose shape they have. */
export const DRAFTS = {
  'Docker 20.10': (changes: Changes = {}) => draftOf(DOCKER_20, changes),
  'Docker 28': (changes: Changes = {}) => draftOf(DOCKER_28, changes),
} as const;

export const draft = DRAFTS['Docker 20.10'];
