import { cpuTimes } from './cpu.ts';
import type { Figures, Row, RowKind } from './figures.ts';
import type { Step } from './steps.ts';
import type { Link, Way } from './ways.ts';

/** What a transfer costs in CPU time, part by part. */

const GIB = 1024 ** 3;
const MANY_REQUESTS = 10_000;

/** The processes of each way, by part. */
export type Parts = Partial<Record<Way, Record<string, number[]>>>;

const UNITS = {
  bytes: { per: 'GiB', of: GIB },
  requests: { per: '10,000 requests', of: MANY_REQUESTS },
} as const;

const ALL_PARTS = 'all of these';
/** In the order of the way from the laptop to the pod. */
const ORDER = [
  'kubectl',
  'CLI',
  'agent',
  'dockerd',
  'API server',
  'kubelet',
  'node’s containerd',
  'proxy',
  ALL_PARTS,
];

export interface CostOptions {
  figures: Figures;
  step: Step;
  link: Link;
  way: Way;
  parts: Parts;
}

/** Runs `work`, which gives how much was done of what the cost is told by. */
export async function withCosts(
  { figures, step, link, way, parts }: CostOptions,
  work: () => Promise<number>,
): Promise<void> {
  // On the link as it is: a delay only makes the same work take longer.
  const processes = link === 0 ? parts[way] : undefined;
  const before = processes && step.cost ? cpuTimes(processes) : undefined;
  const amount = await work();
  if (!before || !processes || !step.cost) return;
  const after = cpuTimes(processes);
  const { per, of } = UNITS[step.cost];
  const add = (part: string, seconds: number) =>
    figures.add(costRow(step, part, per), link, way, (seconds * of) / amount);
  let sum = 0;
  for (const [part, seconds] of Object.entries(after)) {
    const used = seconds - (before[part] ?? 0);
    sum += used;
    add(part, used);
  }
  add(ALL_PARTS, sum);
}

/** Each step's rows in the order of their parts, whichever way was measured first. */
export function inOrder(rows: readonly Row[]): Row[] {
  const steps = [...new Set(rows.map(({ id }) => stepOf(id)))];
  const place = ({ id }: Row) => {
    const part = ORDER.findIndex((each) => id.endsWith(`.${slug(each)}`));
    return steps.indexOf(stepOf(id)) * ORDER.length + part;
  };
  return rows.toSorted((a, b) => place(a) - place(b));
}

const stepOf = (id: string): string => id.slice(0, id.lastIndexOf('.'));
const slug = (part: string): string => part.replaceAll(/\W+/g, '-');

const costRow = ({ id, what }: Step, part: string, per: string): RowKind => ({
  id: `cost.${id}.${slug(part)}`,
  title: `${what}, for each ${per}: ${part}`,
  unit: 'CPU s',
});
