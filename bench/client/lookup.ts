import { Resolver } from 'node:dns/promises';
import type { LatencyResult, LookupTask } from '../task.ts';
import { quantile } from './quantile.ts';

/** The same name again and again, after it was once asked for. The resolver of Node keeps nothing by itself. */
export async function lookup({ name, ms }: LookupTask): Promise<LatencyResult> {
  const resolver = new Resolver();
  await resolver.resolve4(name);
  const times: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const begin = performance.now();
    const addresses = await resolver.resolve4(name);
    times.push(performance.now() - begin);
    if (addresses.length === 0) throw new Error(`${name} has no address`);
  }
  times.sort((a, b) => a - b);
  return { requests: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}
