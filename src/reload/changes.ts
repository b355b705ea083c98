import { watch } from 'chokidar';
import { TpError } from '../errors.ts';
import type { IsIgnored } from './ignored.ts';
import { isWithin } from './ignored.ts';

/** Nothing more for this long (ms), and a burst of changes is over: an editor's, a formatter's, a checkout's. */
const QUIET_MS = 30;

/** One that does not end is taken in parts of this length (ms). */
const BURST_LIMIT_MS = 2_000;

/** Watches files and directories, and gives what changes in them, a burst at a time. */
export class Changes {
  readonly #watcher: ReturnType<typeof watch>;
  #changed = new Set<string>();
  #lastAt = 0;
  #heard = Promise.withResolvers<void>();

  private constructor(watcher: ReturnType<typeof watch>) {
    this.#watcher = watcher;
    watcher.on('all', (_event, path) => {
      this.#changed.add(path);
      this.#lastAt = performance.now();
      this.#heard.resolve();
    });
    watcher.on('error', (error) => this.#heard.reject(watchFailure(error as NodeJS.ErrnoException)));
  }

  /** Watches `roots`, each without what its function tells. Resolves when nothing is missed any more. Throws TpError. */
  static async watch(roots: ReadonlyMap<string, IsIgnored>): Promise<Changes> {
    const watcher = watch([...roots.keys()], {
      ignoreInitial: true,
      followSymlinks: false, // a link leads anywhere, and its target is not what is copied or mounted
      ignored: (path, stats) =>
        ![...roots].some(
          ([root, ignored]) => isWithin(root, path) && !ignored(path, stats?.isDirectory() === true),
        ) &&
        // The way down to a root is not for us to forbid.
        ![...roots.keys()].some((root) => isWithin(path, root)),
    });
    const changes = new Changes(watcher);
    changes.#heard.promise.catch(() => {}); // told by the first to ask
    await Promise.race([new Promise<void>((ready) => watcher.once('ready', ready)), changes.#failed()]);
    return changes;
  }

  /** The absolute paths that changed since the last call, once there are any and their burst is over. Throws TpError. */
  async next(signal: AbortSignal): Promise<string[]> {
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    aborted.catch(() => {}); // where it comes later, nobody waits any more
    await Promise.race([this.#heard.promise, aborted]);
    const begun = performance.now();
    for (;;) {
      const now = performance.now();
      const left = Math.min(this.#lastAt + QUIET_MS, begun + BURST_LIMIT_MS) - now;
      if (left <= 0) break;
      await Promise.race([new Promise((resolve) => setTimeout(resolve, left)), aborted]);
    }
    const paths = [...this.#changed];
    this.#changed = new Set();
    this.#heard = Promise.withResolvers();
    this.#heard.promise.catch(() => {});
    return paths;
  }

  async close(): Promise<void> {
    await this.#watcher.close();
  }

  /** Rejects when watching fails; never resolves. */
  async #failed(): Promise<never> {
    await this.#heard.promise;
    return await new Promise<never>(() => {});
  }
}

/** What is wrong when files cannot be watched. */
export function watchFailure(error: NodeJS.ErrnoException): TpError {
  const full = error.code === 'ENOSPC' || error.code === 'EMFILE';
  return new TpError('TP_WATCH', `files cannot be watched: ${error.message}`, {
    cause: error,
    ...(full
      ? { hint: 'sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512' }
      : {}),
  });
}
