import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLI, Tp } from '../test/e2e/harness/tp.ts';
import { bundle } from './bundle.ts';
import { type Place, runClient } from './run-client.ts';
import type { WatchResult } from './task.ts';
import { type Phase, STEPS_FILE, timeline } from './timeline.ts';

/** A `tp docker-run` of servicename, timed as a caller in the cluster sees it. */

const IMAGE = 'examplecom/servicename';
export const LAPTOP = 'tp-bench-laptop';
/** servicename's Service, as a pod calls it. */
const SERVICE = 'http://servicename';

/** A session must answer in this time (ms), even where an image is to be built. */
const START_LIMIT_MS = 90_000;

/** Loaded into tp. As plain JavaScript: to strip types would take tp longer than what it imports itself. */
const TELL_STEPS = await bundle('tell-steps.ts');

/** What tp does last of all that it restores. */
const RESTORED = 'removing the proxy';

export interface Started {
  /** From the command to the first answer that the caller got from the laptop's container (s). */
  answered: number;
  /** To the switched Service, from when on every answer is the laptop's (s). */
  switched: number;
  phases: Phase[];
  watched: WatchResult;
}

const now = (): number => performance.timeOrigin + performance.now();

export class Session implements AsyncDisposable {
  /** In the environment of the laptop's container, so that its answers can be told from the pods'. */
  readonly mark = `bench-${process.pid}-${Math.trunc(performance.now())}`;
  readonly #kubeconfig: string;
  readonly #cleanup = new AsyncDisposableStack();
  #steps = '';
  #tp: Tp | undefined;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  /** Starts it while `caller` asks the Service all the time; resolves when the session says that it is ready. */
  async start(caller: Place): Promise<Started> {
    const { promise: watching, resolve: onWatching } = Promise.withResolvers<void>();
    let answered = 0;
    const watch = runClient<WatchResult>(
      caller,
      { task: 'watch', base: SERVICE, mark: this.mark, ms: START_LIMIT_MS },
      (line) => {
        if (line === 'watching') onWatching();
        if (line === 'answered') answered = now();
      },
    );
    await Promise.race([watching, watch]);
    // There until the end: tp tells the steps of that, too.
    const directory = await mkdtemp(join(tmpdir(), 'bench-steps-'));
    this.#cleanup.defer(() => rm(directory, { recursive: true }));
    const steps = join(directory, 'steps');
    const hook = join(directory, 'tell-steps.mjs');
    await writeFile(hook, TELL_STEPS);
    this.#steps = steps;
    const command = now();
    const tp = new Tp(['docker-run', '--rm', '--name', LAPTOP, '-e', `BENCH=${this.mark}`, IMAGE], {
      program: [process.execPath, '--import', hook, '--', CLI],
      env: { KUBECONFIG: this.#kubeconfig, [STEPS_FILE]: steps },
    });
    this.#tp = tp;
    const ended = once(tp.child, 'close').then(() => {
      throw new Error(`tp ended:\n${tp.stderr}`);
    });
    ended.catch(() => {}); // it ends after the start, too
    const said = tp.says(/Service servicename is switched/, START_LIMIT_MS).then(now);
    const [watched, switched] = await Promise.race([Promise.all([watch, said]), ended]);
    await tp.says(/ready: context/, START_LIMIT_MS); // it names the session
    return {
      answered: (answered - command) / 1000,
      switched: (switched - command) / 1000,
      phases: timeline(await readFile(steps, 'utf8'), { command, switched, answered }),
      watched,
    };
  }

  /** The running tp. Throws where there is none. */
  get tp(): Tp {
    if (!this.#tp) throw new Error('the session was not started');
    return this.#tp;
  }

  /** From SIGINT to the end of the process (s). Throws where it did not restore everything. */
  async end(): Promise<number> {
    const begin = performance.now();
    const code = await this.tp.end('SIGINT');
    const took = (performance.now() - begin) / 1000;
    const restored = (await readFile(this.#steps, 'utf8')).includes(JSON.stringify(RESTORED));
    if (!restored) throw new Error(`tp ended with ${code}, and did not finish ${RESTORED}:\n${this.said}`);
    return took;
  }

  /** All that tp said, for a failure's report. */
  get said(): string {
    return this.#tp?.stderr ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tp?.end('SIGINT');
    await this.#cleanup.disposeAsync();
  }
}
