import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Place } from './run-client.ts';

/** Another tool's command line, measured from its network namespace to a pod. */
export interface PeerFile {
  name: string;
  /** Starts it: runs for as long as it is needed, or sets something up and ends. KUBECONFIG names the cluster by the link. */
  start: string[];
  /** What comes before a program to run it in the peer's network namespace; there is Node. */
  enter: string[];
  /** Ends it. What `start` left running is ended by SIGINT first. */
  stop?: string[];
}

/** It reaches the cluster by then (ms), and has ended by then. */
const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 30_000;
const POLL_MS = 50;

/** Throws where the file does not say what it must. */
export function parsePeer(text: string): PeerFile {
  const { name, start, enter, stop } = JSON.parse(text) as Partial<PeerFile>;
  const isLine = (words: unknown): words is string[] =>
    Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === 'string');
  assert(typeof name === 'string' && name !== '', 'the peer has no "name"');
  assert(isLine(start), 'the peer has no "start": a list of words');
  assert(isLine(enter), 'the peer has no "enter": a list of words');
  assert(stop === undefined || isLine(stop), '"stop" of the peer is a list of words');
  return { name, start, enter, ...(stop ? { stop } : {}) };
}

export const readPeer = (path: string): PeerFile => parsePeer(readFileSync(path, 'utf8'));

export class Peer implements AsyncDisposable {
  readonly #file: PeerFile;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  #said = '';

  constructor(file: PeerFile, kubeconfig: string) {
    this.#file = file;
    this.#env = { ...process.env, KUBECONFIG: kubeconfig };
  }

  get place(): Place {
    const [program = '', ...args] = this.#file.enter;
    return [program, ...args];
  }

  /** From the command until `url` answers in its network namespace (s). */
  async start(url: string): Promise<number> {
    const begin = performance.now();
    const child = this.#run(this.#file.start);
    this.#child = child;
    const script = `fetch('${url}').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))`;
    const end = begin + START_LIMIT_MS;
    while ((await exitOf(this.#run([...this.#file.enter, 'node', '-e', script]))) !== 0) {
      const failed = child.exitCode !== null && child.exitCode !== 0;
      if (failed || performance.now() > end)
        throw new Error(`${this.#file.name} did not start: ${this.#said}`);
      await delay(POLL_MS);
    }
    return (performance.now() - begin) / 1000;
  }

  #run([program = '', ...args]: readonly string[]): ChildProcess {
    const child = spawn(program, args, { env: this.#env, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString('utf8')).slice(-4_000);
    });
    child.on('error', (error) => {
      this.#said += error.message;
    });
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    child.kill('SIGINT');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await exitOf(child);
    clearTimeout(killer);
    if (this.#file.stop) await exitOf(this.#run(this.#file.stop));
  }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
    await once(child, 'exit');
  return child.exitCode;
}
