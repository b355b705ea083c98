import { warmUpBytes } from './client/bytes.ts';
import { withCosts } from './costs.ts';
import type { Figures } from './figures.ts';
import type { RawPod } from './raw-pod.ts';
import { runClient } from './run-client.ts';
import type { Size, Step } from './steps.ts';
import type { Opened } from './targets.ts';
import type { BulkResult, Measurement } from './task.ts';
import type { Link, Way } from './ways.ts';

/** Where and when steps are measured: a round on a link, of which all ways are open. */
export interface Place {
  figures: Figures;
  size: Size;
  raw: RawPod;
  say: (line: string) => void;
  round: number;
  link: Link;
  kubeconfig: string;
  opened: Opened;
}

/** The middle one of the rows. */
const WARM_UP_CONNECTIONS = 64;

/** One step on each of its ways, one after the other. */
export async function measureStep(place: Place, step: Step): Promise<void> {
  const { figures, say, round, link, opened } = place;
  for (const way of inTurn(step.ways, round)) {
    if (way !== 'raw' && !opened.targets[way]) continue;
    await withCosts({ figures, step, link, way, parts: opened.parts }, () => measureWay(place, step, way));
  }
  for (const { id } of Object.values(step.rows)) say(`    ${figures.lastLine(id, link)}`);
}

/**
 * What is done over each of a round's ways before anything is measured: twice as much bulk each way, and small requests for as
 * long as a row of them. A session lasts for hours, and what its processes do in their first second they do slower.
 */
export async function warmUp({ size, round, opened, say }: Place): Promise<void> {
  say('    warming up');
  const bulk = { bytes: warmUpBytes(size.bytes), streams: 1, seed: round };
  const tasks: readonly Measurement[] = [
    { task: 'download', ...bulk },
    { task: 'upload', ...bulk },
    { task: 'latency', ms: size.ms, kept: false, loaded: false, seed: round },
    { task: 'rate', ms: size.ms, connections: WARM_UP_CONNECTIONS },
  ];
  for (const { place, ...whereTo } of Object.values(opened.targets)) {
    for (const task of tasks) await runClient(place, { ...task, ...whereTo });
  }
}

/** Gives how much was done of what the cost is told by. */
async function measureWay(place: Place, step: Step, way: Way): Promise<number> {
  const { figures, size, round, link } = place;
  const task = step.task(size, round, way);
  const result = await carry(place, step, way, task);
  for (const [key, kind] of Object.entries(step.rows))
    figures.add(kind, link, way, result[key] ?? Number.NaN);
  if (!('bytes' in task)) return result.answered ?? 0;
  const { sent, received } = result as unknown as BulkResult;
  figures.check({ row: step.id, link, way, bytes: task.bytes, sent, received });
  return task.bytes;
}

type Values = Record<string, number>;

async function carry(
  { raw, kubeconfig, opened }: Place,
  step: Step,
  way: Way,
  task: Measurement,
): Promise<Values> {
  const target = opened.targets[way];
  if (target) {
    const { place, ...whereTo } = target;
    return await runClient<Values>(place, { ...task, ...whereTo });
  }
  if (!step.raw || !('bytes' in task)) throw new Error(`${step.id} has no way ${way}`);
  const { bytes, seed } = task;
  const result = await raw.transfer({ sender: SENDERS[step.raw], bytes, seed }, kubeconfig);
  return { ...result } as unknown as Values;
}

const SENDERS = { to: 'pod', from: 'laptop' } as const;

/** Each round begins with another way, so that none always goes first. */
function inTurn(ways: readonly Way[], round: number): Way[] {
  const first = round % ways.length;
  return [...ways.slice(first), ...ways.slice(0, first)];
}
