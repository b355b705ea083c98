import type Dockerode from 'dockerode';
import type { Interrupts } from '../interrupts.ts';
import type { DockerRunRequest } from '../session.ts';
import { orAborted } from '../together.ts';
import type { PodView } from '../tunnel/control.ts';
import type { Draft } from './draft.ts';
import type { Network } from './network.ts';
import { environmentNames } from './run-arguments.ts';
import {
  clientFlags,
  endContainer,
  joinedContainer,
  mergeEnvironment,
  startAttached,
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
  const environment = mergeEnvironment(draft, view.environment, environmentNames(request.flags));
  const container = await docker.createContainer(
    joinedContainer(draft, network.container.id, environment, labels),
  );
  cleanup.defer(() => endContainer(container, interrupts.hurry));
  return new UserContainer(container, draft, clientFlags(request.flags).start);
}

/** The user's container, as the CLI sees it. */
export class UserContainer {
  readonly #container: Dockerode.Container;
  readonly #draft: Draft;
  readonly #flags: string[];

  constructor(container: Dockerode.Container, draft: Draft, flags: string[]) {
    this.#container = container;
    this.#draft = draft;
    this.#flags = flags;
  }

  /** Runs it in this terminal until it exits, the session is lost, or `signal` aborts. Returns its exit code. */
  async run(lost: Promise<never>, signal: AbortSignal): Promise<number> {
    const { exited } = startAttached(this.#container, this.#draft, this.#flags);
    return await orAborted(Promise.race([exited, lost]), signal);
  }
}
