import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
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
  const ignored = new Map(
    roots.map((root) => {
      const isIgnored = ignoredBelow(root, topOf(root, process.cwd()));
      // Docker sends these two whatever its ignore file says.
      const always = root === build ? [join(root, 'Dockerfile'), join(root, '.dockerignore')] : [];
      return [
        root,
        (path, isDirectory) => !always.includes(path) && isIgnored(path, isDirectory),
      ] as const satisfies [string, IsIgnored];
    }),
  );
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
  /** Paths that a copy has failed for. */
  readonly #uncopied = new Set<string>();

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
    const { lost, progress, processRuns } = session;
    const restarts = this.#request.watch.length > 0 || this.#request.build !== undefined;
    // A build that is under way when the session ends, for whatever reason, ends with it.
    const over = new AbortController();
    const signal = AbortSignal.any([session.signal, over.signal]);
    let ended: Promise<number> | undefined = this.#user.start();
    try {
      for (;;) {
        const happened = await orAborted(Promise.race([this.#next(ended), lost]), signal);
        if (typeof happened === 'number') {
          if (!restarts) return happened;
          progress.say(`the container ended with exit code ${happened}; a change starts it again`);
          await processRuns(false);
          ended = undefined;
          continue;
        }
        const reload = this.#reload(happened, { ...session, signal }, ended !== undefined);
        const restarted = await orAborted(Promise.race([reload, lost]), signal);
        if (!restarted) continue;
        if (!ended) await processRuns(true);
        ({ ended } = restarted);
      }
    } finally {
      over.abort(new Error('the session has ended'));
    }
  }

  /** The exit code of a process that ends, or the paths that change. */
  async #next(ended: Promise<number> | undefined): Promise<number | string[]> {
    const other = new AbortController();
    try {
      return await Promise.race([ended ?? NEVER, this.#changes.next(other.signal)]);
    } finally {
      other.abort(new Error('the process has ended'));
    }
  }

  /** Does what changed paths ask for. What fails is told, and leaves the container as it is. */
  async #reload(
    paths: readonly string[],
    { progress, drafts, signal }: RunningSession,
    runs: boolean,
  ): Promise<{ ended: Promise<number> } | undefined> {
    const { watch, build } = this.#request;
    const within = (roots: readonly string[]) =>
      paths.filter((path) => roots.some((root) => isWithin(root, path)));
    try {
      await this.#copy(paths, progress);
      signal.throwIfAborted();
      const rebuilt = build !== undefined && within([build]).length > 0;
      // One that does not run is started by any change: it may have waited for something else.
      const reasons = runs ? within(rebuilt ? [build, ...watch] : watch) : paths;
      if (reasons.length === 0) return undefined;
      const draft = rebuilt ? await drafts.next(signal) : undefined;
      signal.throwIfAborted();
      const { image: before } = this.#user;
      if (draft?.inspect.Image === before && within(watch).length === 0 && runs) {
        progress.say(`${describe(reasons)}: the image is the same`);
        return undefined;
      }
      const fill = (container: Container) => this.copyAll(container);
      const restarted = await this.#user.restart(draft && { draft, fill });
      progress.say(`${describe(reasons)}: ${draft ? 'built and ' : ''}restarted`);
      if (draft) await drafts.forget(before);
      if (this.#uncopied.size > 0) await this.#copy([], progress);
      return restarted;
    } catch (error) {
      if (!(error instanceof TpError) || !KEEPS_RUNNING.has(error.code)) throw error;
      progress.warn(`${error.message}; what ran before runs on`);
      return undefined;
    }
  }

  /** Brings changed paths into the container, with those that could not be before. Tells what cannot be now. */
  async #copy(paths: readonly string[], progress: Progress): Promise<void> {
    for (const path of paths) this.#uncopied.add(path);
    try {
      for (const synced of this.#request.sync) {
        const mine = [...this.#uncopied].filter((path) => this.#isSynced(synced.source, path));
        if (mine.length > 0) await copyIn(this.#user.container, synced, mine);
      }
      this.#uncopied.clear();
    } catch (error) {
      if (!(error instanceof TpError) || error.code !== 'TP_SYNC') throw error;
      progress.warn(`${error.message}; it is tried again at the next change`);
    }
  }

  /** Another flag may watch what is left out here. One that is gone may have been a directory. */
  #isSynced(source: string, path: string): boolean {
    const ignored = this.#ignored.get(source) ?? (() => false);
    if (!isWithin(source, path) || ignored(path, false)) return false;
    return existsSync(path) || !ignored(path, true);
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
