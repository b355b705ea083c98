import { relative } from 'node:path';
import { allOf, copyIn } from '../docker/copy-in.ts';
import type { UserContainer } from '../docker/user.ts';
import { TpError } from '../errors.ts';
import type { Progress } from '../progress.ts';
import { orAborted } from '../together.ts';
import { Changes } from './changes.ts';
import type { Drafts } from './drafts.ts';
import { type IsIgnored, ignoredBelow, isWithin, topOf } from './ignored.ts';
import type { ReloadRequest } from './request.ts';

/** What a container that reloads needs of its session. */
export interface RunningSession {
  /** Rejects when the session cannot go on. */
  lost: Promise<never>;
  /** Whether the process runs or will run: while it does not, the original pods answer. */
  processRuns(yes: boolean): Promise<void>;
  drafts: Drafts;
  progress: Progress;
  signal: AbortSignal;
}

type Container = UserContainer['container'];

const NEVER = new Promise<never>(() => {});

/** Watches from now on, and brings in what is to be a copy. The watch is ended by `cleanup`. Throws TpError. */
export async function prepare(
  request: ReloadRequest,
  user: UserContainer,
  cleanup: AsyncDisposableStack,
): Promise<Reloading> {
  const { watch, sync, build } = request;
  const roots = [...watch, ...sync.map(({ source }) => source), ...(build === undefined ? [] : [build])];
  const ignored = new Map(roots.map((root) => [root, ignoredBelow(root, topOf(root, process.cwd()))]));
  const changes = await Changes.watch(ignored);
  cleanup.defer(() => changes.close());
  const reloading = new Reloading(request, user, ignored, changes);
  await reloading.copyAll(user.container);
  return reloading;
}

/** A user's container whose code changes while it runs. */
export class Reloading {
  readonly #request: ReloadRequest;
  readonly #user: UserContainer;
  readonly #ignored: ReadonlyMap<string, IsIgnored>;
  readonly #changes: Changes;

  constructor(
    request: ReloadRequest,
    user: UserContainer,
    ignored: ReadonlyMap<string, IsIgnored>,
    changes: Changes,
  ) {
    this.#request = request;
    this.#user = user;
    this.#ignored = ignored;
    this.#changes = changes;
  }

  /** Runs the container until the session ends, or until its process does where nothing would start it again. */
  async run(session: RunningSession): Promise<number> {
    const { lost, signal, progress, processRuns } = session;
    const restarts = this.#request.watch.length > 0 || this.#request.build !== undefined;
    let ended: Promise<number> = this.#user.start();
    let runs = true;
    for (;;) {
      const other = new AbortController();
      const happened = await orAborted(
        Promise.race([ended, this.#changes.next(other.signal), lost]),
        signal,
      ).finally(() => other.abort());
      if (typeof happened === 'number') {
        if (!restarts) return happened;
        progress.say(`the container ended with exit code ${happened}; a change starts it again`);
        await processRuns(false);
        ended = NEVER;
        runs = false;
        continue;
      }
      const restarted = await orAborted(Promise.race([this.#reload(happened, session), lost]), signal);
      if (!restarted) continue;
      if (!runs) await processRuns(true);
      runs = true;
      ({ ended } = restarted);
    }
  }

  /** Does what changed paths ask for. What fails is told, and leaves the container as it is. */
  async #reload(paths: string[], session: RunningSession): Promise<{ ended: Promise<number> } | undefined> {
    const { watch, build } = this.#request;
    const { progress } = session;
    const within = (roots: readonly string[]) =>
      paths.filter((path) => roots.some((root) => isWithin(root, path)));
    try {
      await this.#copy(paths);
      const rebuilt = build !== undefined && within([build]).length > 0;
      const reasons = within(rebuilt ? [build, ...watch] : watch);
      if (reasons.length === 0) return undefined;
      const draft = rebuilt ? await session.drafts.next() : undefined;
      const { image: before } = this.#user;
      if (draft?.inspect.Image === before && within(watch).length === 0) {
        progress.say(`${describe(reasons)}: the image is the same`);
        return undefined;
      }
      const fill = (container: Container) => this.copyAll(container);
      const restarted = await this.#user.restart(draft && { draft, fill });
      progress.say(`${describe(reasons)}: ${draft ? 'built and ' : ''}restarted`);
      if (draft) await session.drafts.forget(before);
      return restarted;
    } catch (error) {
      if (!(error instanceof TpError) || !KEEPS_RUNNING.has(error.code)) throw error;
      progress.warn(`${error.message}; what ran before runs on`);
      return undefined;
    }
  }

  async #copy(paths: readonly string[]): Promise<void> {
    for (const synced of this.#request.sync) {
      const mine = paths.filter((path) => isWithin(synced.source, path));
      if (mine.length > 0) await copyIn(this.#user.container, synced, mine);
    }
  }

  /** Brings all that is to be a copy into a container. Throws TpError. */
  async copyAll(container: Container): Promise<void> {
    for (const synced of this.#request.sync) {
      const ignored = this.#ignored.get(synced.source) ?? (() => false);
      await copyIn(container, synced, allOf(synced.source, ignored));
    }
  }
}

/** Failures of what somebody is just writing: the next change may be right. */
const KEEPS_RUNNING: ReadonlySet<string> = new Set(['TP_BUILD', 'TP_DOCKER_CREATE', 'TP_SYNC']);

function describe(paths: readonly string[]): string {
  const [first = ''] = paths;
  const others = paths.length > 1 ? ` and ${paths.length - 1} more` : '';
  return `${relative(process.cwd(), first) || '.'}${others} changed`;
}
