import { once } from 'node:events';
import { Tp } from '../test/e2e/harness/tp.ts';
import { type Place, runClient } from './run-client.ts';
import type { WatchResult } from './task.ts';

/** A `tp docker-run` of servicename, timed as a caller in the cluster sees it. */

const IMAGE = 'examplecom/servicename';
export const LAPTOP = 'tp-bench-laptop';
/** servicename's Service, as a pod calls it. */
export const SERVICE = 'http://servicename';

/** A session must answer in this time (ms), even where an image is to be built. */
const START_LIMIT_MS = 90_000;

export interface Started {
  /** From the command to the first answer that the caller got from the laptop's container (s). */
  answered: number;
  /** To the switched Service, from when on every answer is the laptop's (s). */
  switched: number;
  watched: WatchResult;
}

export class Session implements AsyncDisposable {
  /** In the environment of the laptop's container, so that its answers can be told from the pods'. */
  readonly mark = `bench-${process.pid}-${Math.trunc(performance.now())}`;
  #tp: Tp | undefined;

  /** Starts it while `caller` asks the Service all the time; resolves when the session says that it is ready. */
  async start(caller: Place): Promise<Started> {
    const { promise: watching, resolve: onWatching } = Promise.withResolvers<void>();
    let answered = 0;
    const watch = runClient<WatchResult>(
      caller,
      { task: 'watch', base: SERVICE, mark: this.mark, ms: START_LIMIT_MS },
      (line) => {
        if (line === 'watching') onWatching();
        if (line === 'answered') answered = performance.now();
      },
    );
    await Promise.race([watching, watch]);
    const begin = performance.now();
    const tp = new Tp(['docker-run', '--rm', '--name', LAPTOP, '-e', `BENCH=${this.mark}`, IMAGE]);
    this.#tp = tp;
    const ended = once(tp.child, 'close').then(() => {
      throw new Error(`tp ended:\n${tp.stderr}`);
    });
    ended.catch(() => {}); // it ends after the start, too
    const switched = tp.says(/Service servicename is switched/, START_LIMIT_MS).then(() => performance.now());
    const [watched, at] = await Promise.race([Promise.all([watch, switched]), ended]);
    return { answered: (answered - begin) / 1000, switched: (at - begin) / 1000, watched };
  }

  /** From SIGINT to the end of the process (s). */
  async end(): Promise<number> {
    const begin = performance.now();
    await this.#tp?.end('SIGINT');
    return (performance.now() - begin) / 1000;
  }

  /** All that tp said, for a failure's report. */
  get said(): string {
    return this.#tp?.stderr ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tp?.end('SIGINT');
  }
}
