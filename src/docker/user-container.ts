import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type Dockerode from 'dockerode';
import { TpError } from '../errors.ts';
import type { PodUser } from '../pod-mount.ts';
import type { Draft } from './draft.ts';
import { CONFIG, HOST_CONFIG, keptFields, splitSysctls } from './fields.ts';

/**
 * The container's environment, least important first: the image's, the pod's, the user's `-e`.
 * `userNames` are those that the user set; a value that differs from the image's is the user's too.
 */
export function mergeEnvironment(
  draft: Draft,
  pod: Readonly<Record<string, string>>,
  userNames: readonly string[],
): string[] {
  const image = new Set(draft.imageEnvironment);
  const named = new Set(userNames);
  const nameOf = (entry: string) => entry.split('=', 1)[0] ?? '';
  const all = draft.inspect.Config.Env ?? [];
  const user = all.filter((entry) => !image.has(entry) || named.has(nameOf(entry)));
  const merged = new Map<string, string>();
  for (const entry of draft.imageEnvironment) merged.set(nameOf(entry), entry);
  for (const [name, value] of Object.entries(pod)) merged.set(name, `${name}=${value}`);
  for (const entry of user) merged.set(nameOf(entry), entry);
  // An entry without a value, from `-e NAME`, stays as it is: by it Docker takes the image's variable away.
  return [...merged.values()];
}

/** What a container of a draft gets from the session. */
export interface Given {
  environment: string[];
  labels: Readonly<Record<string, string>>;
  mounted: readonly Dockerode.MountSettings[];
  user: PodUser;
}

/** The draft as a container that lives in the network container's namespace. */
export function joinedContainer(
  draft: Draft,
  networkContainer: string,
  { environment, labels, mounted, user }: Given,
): Dockerode.ContainerCreateOptions {
  const { Config, HostConfig, Name } = draft.inspect;
  const config = keptFields(Config, CONFIG);
  return {
    ...config,
    name: Name.replace(/^\//, ''),
    Env: environment,
    User: user.user ?? Config.User,
    // Docker answers null for the empty one of `--entrypoint ""`, but would take null for the image's.
    Entrypoint: config.Entrypoint ?? [''],
    Labels: { ...Config.Labels, ...labels },
    HostConfig: {
      ...keptFields(HostConfig, HOST_CONFIG),
      GroupAdd: [...(HostConfig.GroupAdd ?? []), ...user.groups],
      Mounts: [...(HostConfig.Mounts ?? []), ...mounted],
      NetworkMode: `container:${networkContainer}`,
      Sysctls: splitSysctls(HostConfig.Sysctls).user,
      AutoRemove: false, // removed by the session, after its exit code and log were read
    },
  };
}

/** Flags of `docker run` by the command that they now belong to. Throws TpError for one that neither can honour. */
export function clientFlags(flags: readonly string[]): { create: string[]; start: string[] } {
  const create: string[] = [];
  const start: string[] = [];
  for (let at = 0; at < flags.length; at++) {
    const word = flags[at] ?? '';
    if (/^--sig-proxy(=|$)/.test(word)) {
      if (/^--sig-proxy(=(1|t|true))?$/i.test(word)) continue; // `docker start` always does so, and has no such flag
      throw new TpError('TP_SIG_PROXY', `${word}: signals end the session, and the container with it`, {
        hint: 'leave --sig-proxy out',
      });
    }
    if (/^--use-api-socket(=(1|t|true))?$/i.test(word)) {
      // Docker's client copies a login into the container that it made, which is not the one that runs.
      throw new TpError(
        'TP_API_SOCKET',
        `${word}: the container of a session is not made by Docker's client`,
        {
          hint: '-v /var/run/docker.sock:/var/run/docker.sock',
        },
      );
    }
    if (word.startsWith('--detach=')) continue; // a false one, for true ones were refused
    if (word.startsWith('--detach-keys=')) start.push(word);
    else if (word === '--detach-keys') start.push(word, flags[++at] ?? '');
    else create.push(word);
  }
  return { create, start };
}

/** A container of which Docker's client has hold of the terminal, as of `docker run`. */
export interface AttachedContainer {
  /** Docker's client, which has hold of the terminal. */
  client: ChildProcess;
  /** The exit code of Docker's client, which is the container's if that ran. */
  exited: Promise<number>;
}

/** Runs the container by `docker start`: terminal, streams, signals and exit code are Docker's own. */
export function startAttached(
  container: Dockerode.Container,
  draft: Draft,
  flags: readonly string[],
): AttachedContainer {
  const { OpenStdin, AttachStdout, AttachStderr } = draft.inspect.Config;
  const interactive = OpenStdin ? ['--interactive'] : [];
  // `docker start` attaches both streams; what `-a` left out goes nowhere.
  const stdio = [
    'inherit',
    AttachStdout ? 'inherit' : 'ignore',
    AttachStderr ? 'inherit' : 'ignore',
  ] as const;
  // In a session of its own: Ctrl-C would end the client before the container has answered it. We hand signals on.
  const client = spawn('docker', ['start', '--attach', ...interactive, ...flags, container.id], {
    stdio: [...stdio],
    detached: true,
  });
  const exited = once(client, 'exit').then(([code]) => (code as number | null) ?? 1);
  return { client, exited };
}

/** What Docker says of a container's end. */
export interface ContainerEnd {
  code: number;
  /** Why it never ran; undefined where it did. */
  neverStarted: string | undefined;
}

/** How the container ended. Throws what the Docker API throws. */
export async function endOf(container: Dockerode.Container): Promise<ContainerEnd> {
  const { State } = await container.inspect();
  const neverStarted = State.StartedAt.startsWith('0001-') ? State.Error || 'it was not started' : undefined;
  return { code: State.ExitCode, neverStarted };
}

/**
 * What `docker run` exits with for a container that Docker could not start (docs: docker run, "Exit status"): 127 for a
 * program that is not there, 126 for one that cannot be run, else 125. Docker's own code for the rest is 128.
 */
export const startFailureCode = (code: number): number => (code === 126 || code === 127 ? code : 125);

/** Sends a signal to the container's process; one that has ended is left alone. */
export async function signalContainer(container: Dockerode.Container, signal: NodeJS.Signals): Promise<void> {
  await container.kill({ signal }).catch(ignoreGone);
}

/** Removes the container with its anonymous volumes, whatever it does. */
export async function removeContainer(container: Dockerode.Container): Promise<void> {
  try {
    await container.remove({ v: true, force: true }).catch(ignoreGone);
  } catch (cause) {
    if (!(cause instanceof TpError)) throw cause;
    const hint = 'tp leave    # once Docker answers';
    throw new TpError(cause.code, 'containers of the session stay in Docker', { cause, hint });
  }
}

/** Asks the container to stop as `docker stop` does: its stop signal, then its timeout or `grace` (s), then the end. */
export async function stopContainer(container: Dockerode.Container, grace?: number): Promise<void> {
  await container.stop(grace === undefined ? {} : { t: grace }).catch(ignoreGone);
}

function ignoreGone(error: { statusCode?: number }): void {
  if (error.statusCode !== 404 && error.statusCode !== 304 && error.statusCode !== 409) throw error;
}
