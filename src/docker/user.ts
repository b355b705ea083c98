import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import type { Interrupts } from '../interrupts.ts';
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

export interface UserOptions {
  docker: Dockerode;
  draft: Draft;
  request: DockerRunRequest;
  view: PodView;
  network: Network;
  labels: Record<string, string>;
  interrupts: Interrupts;
  cleanup: AsyncDisposableStack;
}

/** Creates the user's container in the network container's namespace. It is removed by `cleanup`. */
export async function startUser(options: UserOptions): Promise<UserContainer> {
  const { docker, draft, request, view, network, labels, interrupts, cleanup } = options;
  const pod = { ...view.environment, ...(request.own.poll ? POLLING : {}) };
  const environment = mergeEnvironment(draft, pod, environmentNames(request.flags));
  const created = joinedContainer(draft, network.container.id, environment, labels);
  const container = await createContainer(docker, { ...created, platform: draft.platform });
  const user = new UserContainer(container, draft, clientFlags(request.flags).start, interrupts);
  cleanup.defer(() => user.end());
  const idFile = lastValue(request.flags, '--cidfile');
  if (idFile !== undefined) writeFileSync(idFile, container.id);
  return user;
}

/** Signals that `docker run` hands to the container, beside those that end a session. */
const HANDED_ON = ['SIGUSR1', 'SIGUSR2'] as const;

/** A process that the person's signal does not end has this long (ms) before Docker's stop signal follows. */
const INSIST_MS = 1_000;

/** The user's container, as the CLI sees it. */
export class UserContainer {
  readonly #container: Dockerode.Container;
  readonly #draft: Draft;
  readonly #flags: string[];
  readonly #interrupts: Interrupts;
  #attached: AttachedContainer | undefined;

  constructor(container: Dockerode.Container, draft: Draft, flags: string[], interrupts: Interrupts) {
    this.#container = container;
    this.#draft = draft;
    this.#flags = flags;
    this.#interrupts = interrupts;
  }

  /** Runs it in this terminal until it exits, the session is lost, or a signal comes. Returns its exit code. */
  async run(lost: Promise<never>): Promise<number> {
    const attached = startAttached(this.#container, this.#draft, this.#flags);
    this.#attached = attached;
    const handOn = (name: NodeJS.Signals) => void signalContainer(this.#container, name);
    for (const name of HANDED_ON) process.on(name, handOn);
    const resize = () => void attached.client.kill('SIGWINCH');
    process.on('SIGWINCH', resize);
    void attached.exited.finally(() => {
      process.off('SIGWINCH', resize);
      for (const name of HANDED_ON) process.off(name, handOn);
    });
    const code = await orAborted(Promise.race([attached.exited, lost]), this.#interrupts.signal);
    if (code === 0) return code;
    const { code: found, neverStarted } = await endOf(this.#container);
    return neverStarted === undefined ? code : startFailureCode(found);
  }

  /** Ends and removes it: by the signal that ended the session, as `docker run` would, else as `docker stop` does. */
  async end(): Promise<void> {
    const { received, hurrySignal } = this.#interrupts;
    if (this.#attached && this.#attached.client.exitCode === null) {
      await orAborted(this.#stop(this.#attached, received), hurrySignal).catch(() => {}); // removed below
      if (received) this.#interrupts.exitCode = (await endOf(this.#container)).code;
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
