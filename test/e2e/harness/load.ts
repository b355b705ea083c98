import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { kubectlArguments } from './cluster.ts';

/** What a steady load saw. A request that got no 2xx in time has failed. */
export interface LoadResult {
  sent: number;
  failures: string[];
  /** Answers by the name of the host that gave them. */
  by: Record<string, number>;
  /** Each time that another host than the one before answered on a new connection: when (epoch ms), and which. */
  changes: { at: number; host: string }[];
  /** The longest wait for an answer (ms). */
  slowestMs: number;
}

/** A request waits this long for its answer (ms), if nothing else is said. */
const PATIENCE_MS = 2_000;

export interface LoadPlace {
  /** What runs a program in the cluster, with its stdin and stdout. */
  readonly command: readonly string[];
}

/** In a pod. It ends with the API server, through which it is started. */
const inFrontend = (): LoadPlace => {
  const [program, prefix] = kubectlArguments;
  return { command: [program, ...prefix, 'exec', '-i', 'deploy/frontend', '--', 'node'] };
};

/** The first answer of a version, from a service that tells its own (programs/reloading). Times are epoch ms. */
export interface FirstAnswer {
  version: string;
  at: number;
  /** When its process began, and when it listened. */
  startedAt: number;
  listeningAt: number;
}

/**
 * A steady load from a pod of the cluster: half on new connections, half on kept ones. It runs until stdin ends, or a
 * bound. A request on a kept connection that the server has just closed is sent again on a new one, as every client does
 * that keeps connections.
 */
const SCRIPT = `
import http from 'node:http';
const [url, rate, limitMs, patienceMs] = [process.argv[1], ...process.argv.slice(2).map(Number)];
const kept = new http.Agent({ keepAlive: true, maxSockets: 4 });
const result = { sent: 0, failures: [], by: {}, changes: [], slowestMs: 0 };
let last = '';
const versions = new Set();
let under = 0, over = false, turn = 0;
function ask(agent, again) {
  const begin = performance.now();
  const fail = (why) => { clearTimeout(timer); if (!done) { done = true; under--; result.failures.push(why + ' after ' + Math.round(performance.now() - begin) + ' ms at ' + Math.round(begin)); } };
  let done = false;
  const request = http.get(url, { agent, timeout: patienceMs }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (text) => (body += text)).on('error', (error) => fail(error.code)).on('end', () => {
      if (done) return;
      if (response.statusCode < 200 || response.statusCode > 299) return fail('status ' + response.statusCode);
      clearTimeout(timer); done = true; under--;
      const { hostname: host, version, startedAt, listeningAt } = JSON.parse(body);
      result.by[host] = (result.by[host] ?? 0) + 1;
      result.slowestMs = Math.max(result.slowestMs, Math.round(performance.now() - begin));
      if (!agent && host !== last && result.changes.length < 1000) result.changes.push({ at: Date.now(), host: (last = host) });
      if (version === undefined || versions.has(version)) return;
      versions.add(version);
      process.stdout.write(JSON.stringify({ version, at: Date.now(), startedAt, listeningAt }) + '\\n');
    });
  });
  const timer = setTimeout(() => { request.destroy(); fail((agent ? 'kept' : 'new') + ' timed out'); }, patienceMs);
  request.on('error', (error) => {
    if (done) return;
    if (request.reusedSocket && error.code === 'ECONNRESET' && !again) { done = true; under--; clearTimeout(timer); under++; return ask(false, true); }
    fail((agent ? 'kept ' : 'new ') + error.code);
  });
}
const ticker = setInterval(() => { result.sent++; under++; ask(turn++ % 2 ? kept : false, false); }, 1000 / rate);
const stop = () => {
  if (over) return;
  over = true;
  clearInterval(ticker);
  const wait = setInterval(() => { if (under === 0) { clearInterval(wait); kept.destroy(); process.stdout.write(JSON.stringify(result)); process.exit(0); } }, 20);
};
process.stdin.on('end', stop).resume();
setTimeout(stop, limitMs);
process.stdout.write('begun\\n');
`;

/** The longest that a load runs (ms), whatever happens to who started it. */
const LOAD_LIMIT_MS = 120_000;

/** A load that is under way. */
export class Load {
  readonly #child;
  readonly #ended: Promise<number>;
  readonly #lines = new EventEmitter<{ line: [string] }>();
  readonly #firsts = new Map<string, FirstAnswer>();
  #last = '';

  private constructor(url: string, rate: number, { command }: LoadPlace, patienceMs: number) {
    const numbers = [rate, LOAD_LIMIT_MS, patienceMs].map(String);
    const [program = '', ...args] = [...command, '--input-type=module', '-e', SCRIPT, '--', url, ...numbers];
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#ended = once(this.#child, 'close').then(([code]) => code as number);
    createInterface(this.#child.stdout).on('line', (line) => {
      this.#last = line;
      if (line.startsWith('{"version"')) {
        const first = JSON.parse(line) as FirstAnswer;
        this.#firsts.set(first.version, first);
      }
      this.#lines.emit('line', line);
    });
  }

  /** The first answer of a version, once there is one. Throws when there is none in `limitMs`. */
  async sees(version: string, limitMs = 10_000): Promise<FirstAnswer> {
    const signal = AbortSignal.timeout(limitMs);
    for (;;) {
      const first = this.#firsts.get(version);
      if (first) return first;
      await once(this.#lines, 'line', { signal });
    }
  }

  /** Starts `rate` requests a second to `url`; resolves when the first are on their way. */
  static async start(
    url: string,
    rate: number,
    { place = inFrontend(), patienceMs = PATIENCE_MS }: { place?: LoadPlace; patienceMs?: number } = {},
  ): Promise<Load> {
    const load = new Load(url, rate, place, patienceMs);
    const begun = once(load.#lines, 'line');
    const ended = load.#ended.then((code) => {
      throw new Error(`the load ended at once, with code ${code}`);
    });
    await Promise.race([begun, ended]);
    ended.catch(() => {}); // from now on its end is expected
    return load;
  }

  /** Stops sending, waits for what is under way, and tells what was seen. */
  async stop(): Promise<LoadResult> {
    this.#child.stdin.end();
    const code = await this.#ended;
    if (code !== 0) throw new Error(`the load ended with code ${code}: ${this.#last}`);
    return JSON.parse(this.#last) as LoadResult;
  }
}
