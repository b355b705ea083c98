import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type Dockerode from 'dockerode';
import { TpError } from '../errors.ts';
import type { Draft } from './draft.ts';

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

/** The draft as a container that lives in the network container's namespace. */
export function joinedContainer(
  draft: Draft,
  networkContainer: string,
  environment: string[],
  containerLabels: Readonly<Record<string, string>>,
): Dockerode.ContainerCreateOptions {
  const { Config, HostConfig, Name } = draft.inspect;
  const {
    Hostname: _hostname,
    Domainname: _domainname,
    ExposedPorts: _exposed,
    MacAddress: _macAddress,
    ...config
  } = Config as Dockerode.ContainerCreateOptions & { MacAddress?: string };
  const ownName = Name.replace(/^\//, '');
  return {
    ...config,
    name: ownName,
    Env: environment,
    // Docker answers null for the empty one of `--entrypoint ""`, but would take null for the image's.
    Entrypoint: config.Entrypoint ?? [''],
    Labels: { ...config.Labels, ...containerLabels },
    HostConfig: {
      ...HostConfig,
      NetworkMode: `container:${networkContainer}`,
      PortBindings: {},
      PublishAllPorts: false,
      Dns: [],
      DnsOptions: [],
      DnsSearch: [],
      ExtraHosts: [],
      Links: [],
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
    if (word.startsWith('--detach=')) continue; // a false one, for true ones were refused
    if (word.startsWith('--detach-keys=')) start.push(word);
    else if (word === '--detach-keys') start.push(word, flags[++at] ?? '');
    else create.push(word);
  }
  return { create, start };
}

/** A started container, attached to this terminal as `docker run` would be. */
export interface AttachedContainer {
  /** The exit code of Docker's client, which is the container's. */
  exited: Promise<number>;
}

/** Runs the container by `docker start`: terminal, streams, signals and exit code are Docker's own. */
export function startAttached(
  container: Dockerode.Container,
  draft: Draft,
  flags: readonly string[],
): AttachedContainer {
  const interactive = draft.inspect.Config.OpenStdin ? ['--interactive'] : [];
  const client = spawn('docker', ['start', '--attach', ...interactive, ...flags, container.id], {
    stdio: 'inherit',
  });
  const exited = once(client, 'exit').then(([code]) => (code as number | null) ?? 1);
  return { exited };
}

/** Stops the container as `docker stop` does, and removes it with its anonymous volumes. `now` kills it at once. */
export async function endContainer(container: Dockerode.Container, now: boolean): Promise<void> {
  const gone = (error: { statusCode?: number }) => {
    if (error.statusCode !== 404 && error.statusCode !== 304 && error.statusCode !== 409) throw error;
  };
  if (!now) await container.stop().catch(gone);
  await container.remove({ v: true, force: true }).catch(gone);
}
