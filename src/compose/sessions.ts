import type { DockerRunFlags } from '../flags.ts';
import { type HeldRequest, holdUntil } from '../hold.ts';
import type { Interrupts } from '../interrupts.ts';
import type { Progress } from '../progress.ts';
import { draftService } from './draft.ts';
import { beneath } from './environment.ts';
import type { Match } from './match.ts';
import { nameRules } from './names.ts';
import { networkName } from './override.ts';
import type { ComposeProject } from './project.ts';

/** The sessions of a project, side by side. The end of one is the end of all. */
export class ProjectSessions {
  /** When all can be joined. */
  readonly ready: Promise<unknown>;
  /** Rejects when one cannot go on. */
  readonly lost: Promise<unknown>;
  /** Services whose containers Compose was asked to make, in place of those that were there. */
  readonly begun = new Set<string>();
  readonly #project: ComposeProject;
  readonly #stop = new AbortController();
  readonly #sessions: Promise<never>[];
  #drafting: Promise<unknown> = Promise.resolve();

  constructor(
    project: ComposeProject,
    matches: readonly Match[],
    own: DockerRunFlags,
    progress: Progress,
    interrupts: Interrupts,
  ) {
    this.#project = project;
    const until = AbortSignal.any([this.#stop.signal, interrupts.hurrySignal]);
    const ready = matches.map(() => Promise.withResolvers<void>());
    this.#sessions = matches.map((match, at) =>
      holdUntil(this.#request(match, own, progress), { progress, interrupts, until }, () =>
        ready[at]?.resolve(),
      ),
    );
    this.ready = Promise.all(ready.map(({ promise }) => promise));
    this.lost = Promise.all(this.#sessions);
    this.lost.catch(() => {}); // whoever waits for `ready` is told
  }

  /** Asks all to end: the Services are given back, and everything is put back. */
  stop(): void {
    this.#stop.abort();
  }

  /** When all have ended. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#sessions);
  }

  #request(match: Match, own: DockerRunFlags, progress: Progress): HeldRequest {
    const { service, workload, container } = match;
    const definition = this.#project.services[service] ?? {};
    return {
      own: { ...own, workload, container },
      name: networkName(this.#project.name, service),
      draft: (docker) => {
        this.begun.add(service);
        // One after the other: two runs of Compose that make the same network get in each other's way.
        const draft = this.#drafting.then(() => draftService(docker, this.#project, service));
        this.#drafting = draft.catch(() => {});
        return draft;
      },
      format: beneath(definition.environment ?? {}),
      names: nameRules(match, definition, progress),
    };
  }
}
