import { mkdirSync, writeFileSync } from 'node:fs';
import { barChart } from './chart.ts';
import type { Figures } from './figures.ts';
import { type Machine, machineLine } from './machine.ts';
import { END, START, SWITCHED } from './round.ts';
import type { Size } from './steps.ts';
import { markdownTable } from './table.ts';

/** Which rows, by the beginning of their titles, are on which chart. */
const CHARTS = [
  { file: 'bulk.svg', heading: 'Bulk, one connection', rows: ['one '] },
  { file: 'latency.svg', heading: 'Small requests', rows: ['GET, '] },
  { file: 'start.svg', heading: 'Start and end', rows: [START, SWITCHED, END] },
];

/** Writes latest.json, latest.md and the charts into a directory. */
export function writeReport(directory: string, figures: Figures, size: Size, machine: Machine): void {
  const { rows } = figures;
  mkdirSync(directory, { recursive: true });
  const write = (file: string, content: string) => writeFileSync(`${directory}/${file}`, content);
  write('latest.json', `${JSON.stringify({ machine, size, rows }, null, 2)}\n`);
  write('latest.md', `${markdownTable(rows)}\n\n${caption(size, machine)}\n`);
  for (const { file, heading, rows: titles } of CHARTS) {
    const chosen = rows.filter(({ title }) => titles.some((start) => title.startsWith(start)));
    write(file, barChart(heading, chosen));
  }
}

/** What the table shows, and where it was measured. */
export function caption({ rounds, bytes, ms }: Size, machine: Machine): string {
  const of = rounds === 1 ? 'one round' : `median (minimum–maximum) of ${rounds} interleaved rounds`;
  return `${of}; downloads and uploads of ${bytes / 1024 ** 2} MiB with their checksums verified, GETs one after the other for ${ms / 1000} s. ${machineLine(machine)}.`;
}
