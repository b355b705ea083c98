import { hostname, release } from 'node:os';
import type Dockerode from 'dockerode';

/** What kind of Docker answers, and where it runs. */
export interface Engine {
  version: string;
  kind: string;
  /** "linux", or "windows" for a Docker that runs containers of Windows. */
  system: string;
  architecture: string;
  place: 'this Linux' | 'a virtual machine here' | 'another machine';
}

/** Asks Docker what it is. Throws what the Docker API throws. */
export async function describeEngine(docker: Dockerode, host: string): Promise<Engine> {
  const [version, info] = (await Promise.all([docker.version(), docker.info()])) as [
    Dockerode.DockerVersion,
    Information,
  ];
  return {
    version: version.Version,
    kind: kindOf(version, info),
    system: info.OSType ?? 'linux',
    architecture: version.Arch,
    place: placeOf(host, info),
  };
}

/** Of what `docker info` says. */
interface Information {
  Name?: string;
  OSType?: string;
  OperatingSystem?: string;
  KernelVersion?: string;
  SecurityOptions?: string[];
}

function kindOf({ Components = [] }: Dockerode.DockerVersion, info: Information): string {
  if (Components.some(({ Name }) => /podman/i.test(Name))) return 'Podman';
  const { OperatingSystem = '', Name = '', SecurityOptions = [] } = info;
  const [product] =
    /docker desktop|rancher desktop|orbstack|colima/i.exec(`${OperatingSystem} ${Name}`) ?? [];
  const kind = product ?? 'Docker Engine';
  return SecurityOptions.some((option) => /rootless/.test(option)) ? `${kind}, rootless` : kind;
}

function placeOf(host: string, { Name, KernelVersion }: Information): Engine['place'] {
  if (!/^(unix|npipe):/.test(host)) return 'another machine';
  const same = process.platform === 'linux' && Name === hostname() && KernelVersion === release();
  return same ? 'this Linux' : 'a virtual machine here';
}
