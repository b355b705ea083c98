import type { Agent } from 'node:http';
import type { LatencyResult, LatencyTask } from '../task.ts';
import { agentFor, get } from './http.ts';
import { startLoad } from './load.ts';
import { quantile } from './quantile.ts';

/** How much of the time small requests are sent before any is measured: code is compiled, caches are filled. */
const WARM_UP = 0.1;

/** Small GETs, one after the other; perhaps beside a load. */
export async function latency({ base, ms, kept, seed, loaded }: LatencyTask): Promise<LatencyResult> {
  const load = loaded ? await startLoad({ base, seed }) : undefined;
  const agent = agentFor(kept);
  await smallGets(agent, base, ms * WARM_UP);
  const times = (await smallGets(agent, base, ms)).sort((a, b) => a - b);
  agent.destroy();
  const meanwhile = load ? { loadMibPerSecond: await load.stop() } : {};
  return { requests: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99), ...meanwhile };
}

/** The time (ms) of each. */
async function smallGets(agent: Agent, base: string, ms: number): Promise<number[]> {
  const times: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const begin = performance.now();
    const { status, body } = await get(`${base}/healthz`, { agent });
    times.push(performance.now() - begin);
    if (status !== 200 || body !== 'ok\n') throw new Error(`${base}: status ${status}, ${body}`);
  }
  return times;
}
