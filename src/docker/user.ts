import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import type { Interrupts } from '../interrupts.ts';
import type { PodUser } from '../pod-mount.ts';
import type { DockerRunRequest } from '../session.ts';
import { orAborted } from '../together.ts';
import type { PodView } from '../tunnel/control.ts';
import { createContainer } from './create-container.ts';
import type { Draft } from './draft.ts';
import type { Network } from './network.ts';
import { POLLING } from './polling.ts';
import { environmentNames, lastValue } from './run-arguments.ts';
import {
  type AttachedContainer,
  clientFlags,
  endOf,
  joinedContainer,
  mergeEnvironment,
  removeContainer,
  signalContainer,
  startAttached,
  startFailureCode,
  stopContainer,
} from './user-container.ts';

/** What the session gives the container. */
export interface GivenToUser {
  /** The pod from inside. */
  view: PodView;
  /** The pod's files, as mounts of Docker's. */
  mounted: readonly Dockerode.MountSettings[];
  /** Who the process is in the pod. */
  user: PodUser;
  labels: Record<string, string>;
}

export interface UserOptions {
  docker: Dockerode;
  draft: Draft;
  request: DockerRunRequest;
  given: GivenToUser;
  network: Network;
  interrupts: Interrupts;
  cleanup: AsyncDisposableStack;
}

/** Creates the user's container in the network container's namespace. It is removed by `cleanup`. */
export async function startUser(options: UserOptions): Promise<UserContainer> {
  const container = await createJoined(options, options.draft);
  const user = new UserContainer(options, container);
  options.cleanup.defer(() => user.end());
  return user;
}

/** A container of a draft, in the network container's namespace and with the pod's environment. */
async function createJoined(
  { docker, request, given, network }: UserOptions,
  draft: Draft,
): Promise<Dockerode.Container> {
  const pod = { ...given.view.environment, ...(request.own.poll ? POLLING : {}) };
  const environment = mergeEnvironment(draft, pod, environmentNames(request.flags));
  const created = joinedContainer(draft, network.container.id, {
    ...given,
    user: ownUser(draft, request.flags) ? { ...given.user, user: undefined } : given.user,
    environment,
  });
  return await createContainer(docker, { ...created, platform: draft.platform });
}

/** Whether the command line says who the process is, in whatever way it is written. */
const ownUser = ({ inspect, imageUser }: Draft, flags: readonly string[]): boolean =>
  inspect.Config.User !== imageUser || ['--user', '-u'].some((flag) => lastValue(flags, flag) !== undefined);

/** Signals that `docker run` hands to the container, beside those that end a session. */
const HANDED_ON = ['SIGUSR1', 'SIGUSR2'] as const;

/** A process that the person's signal does not end has this long (ms) before Docker's stop signal follows. */
const INSIST_MS = 1_000;

/** Before a restart, requests under way have this long (ms) to be answered; the rest are the ending process's own. */
const PAUSE_LIMIT_MS = 1_000;

/** At a restart a process has this long (s) after its stop signal, unless `--stop-timeout` says otherwise. */
const RESTART_GRACE_S = 1;

/** What a process exits with that had to be killed. */
const KILLED = 137;

/** What takes the place of the user's container. */
export interface Replacement {
  draft: Draft;
  /** Brings into the container what it needs before it starts. */
  fill(container: Dockerode.Container): Promise<void>;
}

/** The user's container, as the CLI sees it. */
export class UserContainer {
  readonly #options: UserOptions;
  #container: Dockerode.Container;
  #draft: Draft;
  #attached: AttachedContainer | undefined;
  #restarting: Promise<unknown> | undefined;
  #over = false;
  /** Whether it let a restart's whole grace pass: it ignores the signal, as most programs do that are process 1. */
  #ignoresStop = false;

  constructor(options: UserOptions, container: Dockerode.Container) {
    this.#options = options;
    this.#container = container;
    this.#draft = options.draft;
    this.#nameFile();
  }

  get container(): Dockerode.Container {
    return this.#container;
  }

  /** Starts it in this terminal. Gives its exit code, when it has ended. */
  start(): Promise<number> {
    const attached = startAttached(
      this.#container,
      this.#draft,
      clientFlags(this.#options.request.flags).start,
    );
    this.#attached = attached;
    const handOn = (name: NodeJS.Signals) => void signalContainer(this.#container, name);
    for (const name of HANDED_ON) process.on(name, handOn);
    const resize = () => void attached.client.kill('SIGWINCH');
    process.on('SIGWINCH', resize);
    void attached.exited.finally(() => {
      process.off('SIGWINCH', resize);
      for (const name of HANDED_ON) process.off(name, handOn);
    });
    const code = this.#exitCode(this.#container, attached);
    code.catch(() => {}); // nobody waits for a process that a restart ends
    return code;
  }

  /** Docker's client gives the container's code, but for one that never ran. */
  async #exitCode(container: Dockerode.Container, { exited }: AttachedContainer): Promise<number> {
    const code = await exited;
    if (code === 0) return code;
    const { code: found, neverStarted } = await endOf(container);
    return neverStarted === undefined ? code : startFailureCode(found);
  }

  /**
   * Starts its process anew; with a replacement, that of a container made from it. Meanwhile callers wait. Gives the exit
   * code of the new process, when it has ended.
   */
  async restart(replacement?: Replacement): Promise<{ ended: Promise<number> }> {
    const restarting = this.#restart(replacement);
    this.#restarting = restarting;
    return await restarting;
  }

  async #restart(replacement: Replacement | undefined): Promise<{ ended: Promise<number> }> {
    const { agent } = this.#options.network;
    this.#throwIfOver();
    const next = replacement && (await createJoined(this.#options, replacement.draft));
    try {
      if (next) await replacement.fill(next);
      this.#throwIfOver();
      await agent.pause(PAUSE_LIMIT_MS);
      await this.#stopForRestart();
      this.#throwIfOver();
    } catch (error) {
      if (next) await removeContainer(next);
      throw error;
    }
    const old = this.#container;
    if (next) {
      this.#container = next; // from now on it is the one to end
      this.#draft = replacement.draft;
    }
    const ended = this.start();
    agent.resume();
    if (next) await this.#takePlace(old);
    return { ended };
  }

  /** The session ends: nothing is started any more. */
  #throwIfOver(): void {
    if (this.#over) throw new Error('the session has ended');
  }

  /** Removes the container whose place was taken, and takes its name. It has ended: nobody waits for this. */
  async #takePlace(old: Dockerode.Container): Promise<void> {
    await removeContainer(old);
    await this.#container.rename({ name: this.#options.draft.inspect.Name.replace(/^\//, '') });
    this.#nameFile();
  }

  /** The id of the image that it is made of. */
  get image(): string {
    return this.#draft.inspect.Image;
  }

  async #stopForRestart(): Promise<void> {
    if (!this.#attached || this.#attached.client.exitCode !== null) return;
    const { StopTimeout: grace = RESTART_GRACE_S } = this.#draft.inspect.Config as { StopTimeout?: number };
    if (this.#ignoresStop) await signalContainer(this.#container, 'SIGKILL');
    else await stopContainer(this.#container, grace);
    const code = await this.#attached.exited;
    if (code === KILLED) this.#ignoresStop = true;
  }

  /** `--cidfile`, of the container that there is. */
  #nameFile(): void {
    const idFile = lastValue(this.#options.request.flags, '--cidfile');
    if (idFile !== undefined) writeFileSync(idFile, this.#container.id);
  }

  /** Ends and removes it: by the signal that ended the session, as `docker run` would, else as `docker stop` does. */
  async end(): Promise<void> {
    const { interrupts } = this.#options;
    const { received, hurrySignal } = interrupts;
    this.#over = true;
    // Whoever waited for a restart has been told how it went.
    if (this.#restarting) await orAborted(this.#restarting, hurrySignal).catch(() => {});
    if (this.#attached && this.#attached.client.exitCode === null) {
      await orAborted(this.#stop(this.#attached, received), hurrySignal).catch(() => {}); // removed below
      if (received) interrupts.exitCode = (await endOf(this.#container)).code;
    }
    await removeContainer(this.#container);
    await this.#attached?.exited; // what it wrote has been shown
  }

  async #stop({ client, exited }: AttachedContainer, received: NodeJS.Signals | undefined): Promise<void> {
    if (received !== undefined) {
      await signalContainer(this.#container, received);
      const insist = new AbortController();
      await Promise.race([exited, sleep(INSIST_MS, undefined, { signal: insist.signal }).catch(() => {})]);
      insist.abort();
    }
    if (client.exitCode === null) await stopContainer(this.#container);
  }
}
