import { mkdirSync, writeFileSync } from 'node:fs';
import { type Memory, PARTS, type Part } from '../test/e2e/harness/processes.ts';
import { type Machine, machineLine } from './machine.ts';

/** The parts that can be made to collect their garbage. */
export const COLLECTED = ['agent', 'proxy'] as const;
export type Held = Record<(typeof COLLECTED)[number], number>;

/** What a load took (bytes). */
export interface MemoryRow {
  title: string;
  /** The most that was resident meanwhile. */
  peak: Memory;
  /** Resident some seconds after it. */
  after: Memory;
  /** Resident when all garbage had been collected, which Node does when it likes. */
  collected: Memory;
  /** In use of the heap then. */
  held: Held;
}

const mib = (bytes: number): string => (bytes / 1024 ** 2).toFixed(0);

/** `peak → after → collected`, in MiB, as far as there is each. */
export const figures = ({ peak, after, collected }: MemoryRow, part: Part): string =>
  (COLLECTED.some((each) => each === part) ? [peak, after, collected] : [peak, after])
    .map((memory) => mib(memory[part]))
    .join(' → ');

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
  const lines = rows.map((row) => [row.title, ...PARTS.map((part) => figures(row, part))]);
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|---|${PARTS.map(() => '---:|').join('')}`, ...lines.map(line)].join('\n');
}
