import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, Worker } from 'node:worker_threads';
import { fetchBytes } from './bulk.ts';
import { checksum, MIB, pseudoRandom, rate } from './bytes.ts';
import { agentFor } from './http.ts';

/** A bulk download by a thread of its own, so that it delays nothing in the thread that measures beside it. */

export interface LoadOptions {
  base: string;
  seed: number;
}

/** One of the downloads that a load is made of, on one kept connection (bytes). */
const LOAD_BYTES = 16 * MIB;
/** How long a load runs before anything is measured beside it (ms). */
const LEAD_MS = 200;

/** Starts it; `stop` gives its rate (MiB/s). */
export async function startLoad(options: LoadOptions): Promise<{ stop(): Promise<number> }> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options });
  await once(worker, 'message'); // it throws when the worker fails
  await sleep(LEAD_MS);
  return {
    async stop() {
      worker.postMessage('stop');
      const [mibPerSecond] = (await once(worker, 'message')) as [number];
      return mibPerSecond;
    },
  };
}

/** The worker's part. It stops between two downloads: a connection that is cut ends some port-forwards. */
export async function carryLoad({ base, seed }: LoadOptions): Promise<void> {
  const agent = agentFor(true);
  const expected = checksum(pseudoRandom(LOAD_BYTES, seed));
  let stopped = false;
  parentPort?.once('message', () => {
    stopped = true;
  });
  const begin = performance.now();
  let bytes = 0;
  const onFlowing = () => {
    if (bytes === 0) parentPort?.postMessage('flowing');
  };
  for (; !stopped; bytes += LOAD_BYTES) {
    const got = await fetchBytes(agent, base, LOAD_BYTES, seed, onFlowing);
    if (got !== expected) throw new Error(`load: checksum ${got} instead of ${expected}`);
  }
  agent.destroy();
  parentPort?.postMessage(rate(bytes, performance.now() - begin));
}
