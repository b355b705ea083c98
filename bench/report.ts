import { mkdirSync, writeFileSync } from 'node:fs';
import { type Judged, judge } from './aims.ts';
import { barChart } from './chart.ts';
import { inOrder } from './costs.ts';
import type { Figures, Row } from './figures.ts';
import { type Machine, machineLine } from './machine.ts';
import type { Size } from './steps.ts';
import { aimCells, cells, markdownTable, textTable } from './table.ts';
import type { Phase } from './timeline.ts';
import { timelineChart, typicalStart } from './timeline-chart.ts';
import { LINKS, linkName } from './ways.ts';

/** All of one run. */
export interface Run {
  figures: Figures;
  starts: readonly (readonly Phase[])[];
  size: Size;
  machine: Machine;
  /** How busy the machine was before (the load average of a minute): a run beside others says little. */
  load?: number;
  /** What the peer calls itself. */
  peer?: string;
}

/** The rows that a reader of the README wants, by id and link. */
const SHORT = [
  'start@0',
  'end@0',
  'bulk.to.1@0',
  'bulk.from.1@0',
  'bulk.to.8@0',
  'get.new.p50@0',
  'get.new.p99@0',
  'get.kept.p50@0',
  'rate.64@0',
  'beside.new.p99@0',
  'bulk.to.1@20',
  'get.new.p50@20',
];

/** Which rows are on which chart, by id and link. */
const CHARTS: readonly { file: string; heading: string; rows: RegExp }[] = [
  { file: 'bulk.svg', heading: 'Bulk', rows: /^bulk\..*@0$/ },
  { file: 'delayed.svg', heading: 'Bulk over a longer link', rows: /^bulk\..*\.1@/ },
  { file: 'latency.svg', heading: 'Small requests', rows: /^get\..*@0$/ },
  { file: 'latency-20.svg', heading: 'Small requests over a longer link', rows: /^get\..*@20$/ },
  { file: 'beside.svg', heading: 'Small requests beside a bulk download', rows: /^beside\..*\.p\d+@0$/ },
  { file: 'rate.svg', heading: 'Requests per second', rows: /^rate\..*@0$/ },
  { file: 'start.svg', heading: 'Start and end', rows: /^(start|switched|planned|end|help)@0$/ },
  { file: 'cost.svg', heading: 'CPU time of a GiB to the laptop', rows: /^cost\.bulk\.to\.1\..*@0$/ },
  { file: 'memory.svg', heading: 'Resident memory', rows: /^memory\.(rest|busy).*@0$/ },
];

const keyOf = ({ id, link }: Row): string => `${id}@${link}`;
const isCost = ({ id }: Row): boolean => id.startsWith('cost.');
const isMemory = ({ id }: Row): boolean => id.startsWith('memory.');

/** Writes latest.json, latest.md for the README, tables.md for docs/bench.md, and the charts into a directory. */
export function writeReport(directory: string, run: Run): void {
  const { figures, starts, size, machine, load, peer } = run;
  const { rows, checks } = figures;
  const aims = judge(figures);
  mkdirSync(directory, { recursive: true });
  const write = (file: string, content: string) => writeFileSync(`${directory}/${file}`, content);
  const json = { machine, size, load, peer, rows, checks, starts, aims: aims.filter(({ figure }) => figure) };
  write('latest.json', `${JSON.stringify(json, null, 2)}\n`);
  write('latest.md', `${shortTable(run, aims)}\n\n${caption(run)}\n`);
  write('tables.md', `${sections(run, aims, markdownTable, '### ').join('\n\n')}\n\n${caption(run)}\n`);
  for (const { file, heading, rows: wanted } of CHARTS) {
    const chosen = rows.filter((row) => wanted.test(keyOf(row)));
    if (chosen.length === 0) continue;
    write(file, barChart(heading, chosen.every(isCost) ? inOrder(chosen) : chosen, peer));
  }
  if (starts.length > 0)
    write('timeline.svg', timelineChart('A start, phase by phase', typicalStart(starts)));
}

/** All tables for a terminal. */
export const terminalReport = (run: Run): string =>
  [...sections(run, judge(run.figures), textTable, ''), caption(run)].join('\n\n');

function shortTable({ figures, peer }: Run, aims: readonly Judged[]): string {
  const rows = figures.rows.filter((row) => SHORT.includes(keyOf(row)));
  const sorted = rows.toSorted((a, b) => SHORT.indexOf(keyOf(a)) - SHORT.indexOf(keyOf(b)));
  const judged = aims.filter(({ figure }) => figure);
  const met = judged.filter((aim) => aim.met).length;
  return `${markdownTable(cells(sorted, peer))}\n\n${met} of ${judged.length} aims are met.`;
}

type Table = (table: readonly string[][]) => string;

function sections({ figures, peer }: Run, aims: readonly Judged[], table: Table, mark: string): string[] {
  const { rows } = figures;
  const section = (title: string, content: readonly string[][]): string[] =>
    content.length > 1 ? [`${mark}${title}`, table(content)] : [];
  const links = LINKS.flatMap((link) => {
    const on = rows.filter((row) => row.link === link && !isCost(row) && !isMemory(row));
    return section(`The link: ${linkName(link)}`, cells(on, peer));
  });
  return [
    ...section('The aims', aimCells(aims)),
    ...links,
    ...section('CPU time', cells(inOrder(rows.filter(isCost)), peer)),
    ...section('Resident memory', cells(rows.filter(isMemory), peer)),
  ];
}

/** What the tables show, and where it was measured. */
function caption({ size: { rounds, bytes, ms }, machine, load }: Run): string {
  const of = rounds === 1 ? 'one round' : `median (minimum–maximum) of ${rounds} interleaved rounds`;
  const bulk = `bulk of ${bytes / 1024 ** 2} MiB, its checksums verified`;
  const busy = load === undefined ? '' : ` Load average before: ${load.toFixed(2)}.`;
  return `${of}; ${bulk}; small requests for ${ms / 1000} s.${busy} ${machineLine(machine)}.`;
}
