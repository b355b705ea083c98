import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type Dockerode from 'dockerode';
import { TpError } from '../errors.ts';
import { OWN_SYSCTLS } from './network-container.ts';
import { imageExists } from './network-image.ts';
import { lastValue, withoutValue } from './run-arguments.ts';

/** What Docker's own client made of the user's `docker run` line: the container it would have created. */
export interface Draft {
  image: string;
  /** The image's own environment, under which the pod's lies. */
  imageEnvironment: string[];
  /** Where the image says that a volume belongs. */
  imageVolumes: string[];
  /** Who the image says its process is; the empty string for root. */
  imageUser: string;
  /** The platform that `--platform` or the client's environment asks for. */
  platform: string | undefined;
  inspect: Dockerode.ContainerInspectInfo;
}

/**
 * Has `docker create` parse the flags, pull the image and validate it all; the container is read and removed again.
 * Docker's messages go to stderr as they come. Throws TpError when Docker refuses.
 */
export async function draftContainer(
  docker: Dockerode,
  run: { flags: readonly string[]; image: string; command: readonly string[] },
  containerLabels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Draft> {
  const marks = Object.entries(containerLabels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
  const args = ['create', ...marks, ...run.flags, run.image, ...run.command];
  // A pull may be cut short. Creating may not: it is quick, and what it made has to be known to be removed.
  const cut = (await imageExists(docker, run.image)) ? undefined : signal;
  const client = spawn('docker', args, { stdio: ['ignore', 'pipe', 'inherit'], signal: cut });
  client.on('error', () => {}); // aborted: 'close' follows
  let id = '';
  client.stdout.on('data', (chunk: Buffer) => {
    id += chunk.toString('utf8');
  });
  const [code] = (await once(client, 'close')) as [number | null];
  cut?.throwIfAborted();
  if (code !== 0) throw await refusal(docker, run.image);
  const container = docker.getContainer(id.trim());
  try {
    const platform = lastValue(run.flags, '--platform') ?? process.env.DOCKER_DEFAULT_PLATFORM;
    return { ...(await readDraft(docker, container.id)), image: run.image, platform };
  } finally {
    await container.remove({ v: true, force: true }); // with the anonymous volumes that creating it made
    // It names a container that is gone, and Docker refuses a file that is there.
    const idFile = lastValue(run.flags, '--cidfile');
    if (idFile !== undefined) rmSync(idFile, { force: true });
  }
}

/**
 * The draft of a container that is to take the place of another, whose image has been built anew: it gets no name of its
 * own. Where the image only differs in its files, Docker's client need not be asked again. Throws as `draftContainer` does.
 */
export async function draftReplacement(
  docker: Dockerode,
  run: { flags: readonly string[]; image: string; command: readonly string[] },
  containerLabels: Readonly<Record<string, string>>,
  signal: AbortSignal,
  before: Draft,
): Promise<Draft> {
  const [old, image] = await Promise.all([
    docker.getImage(before.inspect.Image).inspect(),
    docker.getImage(run.image).inspect(),
  ]);
  if (isDeepStrictEqual(settingsOf(old), settingsOf(image))) {
    return { ...before, inspect: { ...before.inspect, Name: '', Image: image.Id } };
  }
  const flags = withoutValue(withoutValue(run.flags, '--name'), '--cidfile');
  const draft = await draftContainer(docker, { ...run, flags }, containerLabels, signal);
  return { ...draft, inspect: { ...draft.inspect, Name: '' } };
}

/** What an image says of its containers, without what Docker's older builder notes of how it came about. */
const settingsOf = ({ Config }: Dockerode.ImageInspectInfo) => ({ ...Config, Image: '', Hostname: '' });

/** The draft that a container is which somebody else created. Throws what the Docker API throws. */
export async function readDraft(docker: Dockerode, id: string): Promise<Draft> {
  const inspect = await docker.getContainer(id).inspect();
  const image = await docker.getImage(inspect.Image).inspect();
  return {
    image: inspect.Config.Image,
    imageEnvironment: image.Config.Env ?? [],
    imageUser: image.Config.User ?? '',
    imageVolumes: Object.keys(image.Config.Volumes ?? {}),
    platform: undefined,
    inspect,
  };
}

/** The draft of a container that nobody asked anything of but its name. */
export const emptyDraft = (name: string): Draft => ({
  image: '',
  imageEnvironment: [],
  imageVolumes: [],
  imageUser: '',
  platform: undefined,
  inspect: {
    Id: '',
    Name: `/${name}`,
    Config: {},
    HostConfig: { NetworkMode: 'default' },
    NetworkSettings: { Networks: {} },
  } as unknown as Dockerode.ContainerInspectInfo,
});

async function refusal(docker: Dockerode, image: string): Promise<TpError> {
  if (await imageExists(docker, image)) {
    return new TpError('TP_DOCKER_CREATE', 'Docker refused the command line, for the reason above', {
      hint: 'docker run --help',
    });
  }
  return new TpError('TP_NO_IMAGE', `there is no image ${image} here, and Docker could not pull it`, {
    hint: `docker build -t ${image} .`,
  });
}

/** Docker network modes that a container joined to the session's network cannot have. */
const IMPOSSIBLE_MODES = /^(host|none)$|^container:/;

/** Refuses what a session cannot honour. Throws TpError. */
export function checkDraft({ inspect }: Draft, terminal = process.stdin.isTTY === true): void {
  const { NetworkMode: mode = '', RestartPolicy: restart, Sysctls } = inspect.HostConfig;
  if (IMPOSSIBLE_MODES.test(mode)) {
    throw new TpError('TP_NETWORK_MODE', `--network ${mode}: the container's network is the pod's`, {
      hint: 'leave --network out, or name a Docker network to be reached beside the cluster',
    });
  }
  if (restart?.Name && restart.Name !== 'no') {
    throw new TpError('TP_RESTART_POLICY', `--restart ${restart.Name}: the session ends with the container`, {
      hint: 'leave --restart out',
    });
  }
  for (const [name, value] of Object.entries(OWN_SYSCTLS)) {
    const asked = (Sysctls as Record<string, string> | undefined)?.[name] ?? value;
    if (asked === value) continue;
    throw new TpError('TP_SYSCTL', `--sysctl ${name}=${asked}: a session needs ${value}`, {
      hint: `leave --sysctl ${name} out`,
    });
  }
  const { Tty, AttachStdin } = inspect.Config;
  if (Tty && AttachStdin && !terminal) {
    // docker start would not notice; the words and the code are those of docker run.
    throw new TpError('TP_NOT_A_TERMINAL', 'the input device is not a TTY', {
      hint: 'leave -t out to read a pipe:  tp docker-run -i',
    });
  }
}
