import { mkdirSync, writeFileSync } from 'node:fs';
import { type Memory, PARTS } from '../test/e2e/harness/processes.ts';
import { type Machine, machineLine } from './machine.ts';

/** What a load took: the most that each process had meanwhile, and what it had some seconds after (bytes). */
export interface MemoryRow {
  title: string;
  peak: Memory;
  after: Memory;
}

export const mib = (bytes: number): string => (bytes / 1024 ** 2).toFixed(0);

/** Writes memory.json and memory.md into a directory. Gives the table. */
export function writeMemory(directory: string, rows: readonly MemoryRow[], machine: Machine): string {
  mkdirSync(directory, { recursive: true });
  const table = `${markdown(rows)}\n\n${machineLine(machine)}.\n`;
  writeFileSync(`${directory}/memory.json`, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  writeFileSync(`${directory}/memory.md`, table);
  return table;
}

function markdown(rows: readonly MemoryRow[]): string {
  const head = ['connections', ...PARTS.map((part) => `${part}, MiB`)];
  const lines = rows.map(({ title, peak, after }) => [
    title,
    ...PARTS.map((part) => (peak === after ? mib(after[part]) : `${mib(peak[part])} → ${mib(after[part])}`)),
  ]);
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|---|${PARTS.map(() => '---:|').join('')}`, ...lines.map(line)].join('\n');
}
