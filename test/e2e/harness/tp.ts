import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { kubeconfig } from './cluster.ts';

export const CLI = `${import.meta.dirname}/../../../dist/tp.mjs`;

/** A start may take this long (ms), with an image to build on two slow cores. */
const START_LIMIT_MS = 60_000;

/** What an ended process wrote is read by then (ms), although others may still hold its pipes. */
const LAST_WORDS_MS = 300;

interface TpOptions {
  env?: NodeJS.ProcessEnv;
  input?: 'pipe';
  cwd?: string;
  program?: readonly string[];
}

/** A running tp command, and what it says. */
export class Tp {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  #exit: Promise<number>;
  #ended: string | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], options: TpOptions = {}) {
    const env = { ...process.env, KUBECONFIG: kubeconfig, NO_COLOR: '1', ...options.env };
    const stdio = [options.input ?? 'ignore', 'pipe', 'pipe'] as const;
    const [program = '', ...words] = options.program ?? [process.execPath, '--', CLI];
    this.child = spawn(program, [...words, ...args], { env, stdio: [...stdio], cwd: options.cwd });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString('utf8');
      this.#look();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('utf8');
      this.#look();
    });
    // Not 'close' alone: a killed CLI leaves Docker's client behind, with our pipes.
    const closed = once(this.child, 'close');
    this.#exit = once(this.child, 'exit').then(async ([code, signal]) => {
      await Promise.race([closed, delay(LAST_WORDS_MS)]);
      this.#ended = `it ended with ${signal ?? code}`;
      this.#look();
      return (code as number | null) ?? -1;
    });
  }

  /** Starts `tp docker-run` and waits until every Service that it names is switched, or `until` matches. */
  static async session(
    args: readonly string[],
    until: RegExp = /ready: context/,
    options: TpOptions = {},
  ): Promise<Tp> {
    const tp = new Tp(['docker-run', ...args], options);
    try {
      await tp.says(until);
      if (/switched/.test(until.source)) await tp.says(/ready: context/); // the line after the first of them
      return tp;
    } catch (error) {
      await tp.end(); // or nobody would: the file of tests would not end either
      throw error;
    }
  }

  get exited(): Promise<number> {
    return this.#exit;
  }

  /** The session's id, once it is ready. */
  get session(): string {
    const id = /ready: .*session ([0-9a-f]{10})/.exec(this.stderr)?.[1];
    if (!id) throw new Error(`no session in:\n${this.stderr}`);
    return id;
  }

  /** Waits until the output matches; throws with all of it when the process ends or the time (ms) is over. */
  async says(pattern: RegExp, limitMs = START_LIMIT_MS): Promise<RegExpExecArray> {
    return await new Promise((resolve, reject) => {
      const finish = (error?: Error, match?: RegExpExecArray) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        if (match) resolve(match);
        else reject(error);
      };
      const complain = (why: string) =>
        finish(
          new Error(`${why}, waiting for ${pattern}\n--- stderr\n${this.stderr}\n--- stdout\n${this.stdout}`),
        );
      const timer = setTimeout(() => complain(`not said in ${limitMs} ms`), limitMs);
      const look = () => {
        const match = pattern.exec(this.stderr) ?? pattern.exec(this.stdout);
        if (match) finish(undefined, match);
        else if (this.#ended) complain(this.#ended);
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Asks it to end, and gives its exit code. */
  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<number> {
    if (this.child.exitCode === null) this.child.kill(signal);
    return await this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  #look(): void {
    for (const look of [...this.#watchers]) look();
  }
}

/** Runs a tp command to its end. */
export async function tp(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Tp(args);
  const [code] = (await once(command.child, 'close')) as [number];
  return { code, stdout: command.stdout, stderr: command.stderr };
}
