import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { inCluster, kubectlJson } from './cluster.ts';
import { eventually } from './eventually.ts';
import { MemoryOf } from './processes.ts';
import { Tp } from './tp.ts';

/** A session whose container does nothing but hold connections, with the other ends in the embedded node's network. */

const PROGRAM = `${import.meta.dirname}/../programs/connections.ts`;
const NODE_PLACE = [`${import.meta.dirname}/../../cluster/cluster`, 'run', process.execPath, PROGRAM];
const IN_CONTAINER = '/connections/connections.ts';

/** The node as its pods reach it, and a port that nothing else has there. */
const NODE_ADDRESS = '10.99.0.2';
const NODE_PORT = '17070';

/** A load stands by then (ms), on two slow cores. */
const READY_LIMIT_MS = 90_000;

/**
 * Prints `echo` when the node leads to the laptop alone: until then some of so many connections reach an original pod. From
 * a pod, for a connection that is reset leaves an entry in the node's table, which leads the next one from that port the same way.
 */
const PROOF = `
  import { once } from 'node:events';
  import { connect } from 'node:net';
  const one = async () => {
    const socket = connect(80, 'servicename').on('error', () => {});
    socket.write('e!');
    const answer = await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    socket.destroy();
    return String(answer) === '!';
  };
  const all = await Promise.all(Array.from({ length: 20 }, one));
  process.stdout.write(all.every(Boolean) ? 'echo' : 'others');`;

/** The node leads to the laptop by then (ms). */
const SWITCH_LIMIT_MS = 20_000;

export type Kind = 'idle' | 'busy' | 'unread' | 'unheard' | 'short';
/** Who opens the connections: a caller of the Service, or the container. */
export type Direction = 'in' | 'out';

export class Connections implements AsyncDisposable {
  readonly #name: string;
  readonly #tp: Tp;
  readonly #server: ChildProcess;
  readonly #service: string;
  readonly memory: MemoryOf;

  private constructor(name: string, tp: Tp, server: ChildProcess, service: string, memory: MemoryOf) {
    this.#name = name;
    this.#tp = tp;
    this.#server = server;
    this.#service = service;
    this.memory = memory;
  }

  static async begin(name: string): Promise<Connections> {
    await using cleanup = new AsyncDisposableStack();
    const server = start([...NODE_PLACE, 'serve', NODE_PORT]);
    cleanup.defer(() => ended(server));
    await says(server, 'ready');
    const mount = ['-v', `${dirname(PROGRAM)}:${dirname(IN_CONTAINER)}:ro`];
    const flags = ['--workload', 'deployment/servicename', '--name', name, ...mount];
    const args = [...flags, 'node:24-slim', 'node', IN_CONTAINER, 'serve', '8080'];
    const tp = cleanup.use(await Tp.session(args, /Service servicename is switched/));
    const { spec } = await kubectlJson<{ spec: { clusterIP: string } }>('get', 'service', 'servicename');
    await eventually(
      () => inCluster(PROOF),
      (proof) => proof === 'echo',
      SWITCH_LIMIT_MS,
    );
    const connections = new Connections(name, tp, server, spec.clusterIP, await MemoryOf.session(tp));
    cleanup.move();
    return connections;
  }

  /** Has `count` connections made; resolves when the load stands, or is over. Dispose of it to end them. */
  async load(direction: Direction, kind: Kind, count: number): Promise<AsyncDisposable> {
    const [place, host, port] =
      direction === 'in'
        ? [NODE_PLACE, this.#service, '80']
        : [['docker', 'exec', '-i', this.#name, 'node', IN_CONTAINER], NODE_ADDRESS, NODE_PORT];
    const child = start([...place, 'load', host, port, kind, `${count}`]);
    await says(child, kind === 'short' ? 'done' : 'ready').catch(async (error: unknown) => {
      await ended(child);
      throw error;
    });
    return {
      async [Symbol.asyncDispose]() {
        child.stdin?.end();
        if (child.exitCode === null) await once(child, 'exit');
        if (child.exitCode !== 0) throw new Error(`${direction} ${kind}: it ended with ${child.exitCode}`);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tp.end();
    await ended(this.#server);
  }
}

const start = ([program = '', ...args]: readonly string[]): ChildProcess => spawn(program, args);

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill();
  await once(child, 'exit');
}

/** Throws when it ends, or says something else first, or nothing. */
async function says(child: ChildProcess, word: string): Promise<void> {
  if (!child.stdout) throw new Error('no stdout');
  const lines = createInterface(child.stdout);
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(READY_LIMIT_MS)]);
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString('utf8')));
  const exit = once(child, 'close', { signal }).then(([code]) => {
    throw new Error(`it ended with ${code} instead of saying ${word}: ${complaint}`);
  });
  try {
    const [line] = (await Promise.race([once(lines, 'line', { signal }), exit])) as [string];
    if (line !== word) throw new Error(`${line} instead of ${word}`);
  } finally {
    exit.catch(() => {});
    over.abort();
  }
}
