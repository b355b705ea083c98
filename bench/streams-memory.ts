import { setTimeout as delay } from 'node:timers/promises';
import { Connections, type Direction } from '../test/e2e/harness/connections.ts';
import { type Memory, PARTS } from '../test/e2e/harness/processes.ts';
import type { Figures, RowKind } from './figures.ts';

/** What a session's processes take for each stream: a session of its own, as its container holds the streams. */

const MIB = 1024 ** 2;
const KIB = 1024;
/** A load stands for this long (ms) before it is read. */
const STAND_MS = 1_000;
const NAME = 'tp-bench-streams';
const KINDS = ['idle', 'busy'] as const;

export interface MemoryOptions {
  figures: Figures;
  /** How many streams, ascending. */
  counts: readonly number[];
  say: (line: string) => void;
  cleanup: AsyncDisposableStack;
}

export async function measureMemory({ figures, counts, say, cleanup }: MemoryOptions): Promise<void> {
  const connections = cleanup.use(await Connections.begin(NAME));
  const { memory } = connections;
  const row = (id: string, title: string, unit: 'MiB' | 'KiB'): RowKind => ({
    id: `memory.${id}`,
    title,
    unit,
  });
  for (const part of PARTS) {
    const atRest = memory.now()[part] / MIB;
    for (const way of ['out', 'in'] as const)
      figures.add(row(`rest.${part}`, `at rest: ${part}`, 'MiB'), 0, way, atRest);
  }
  const peakOf = async (way: Direction, kind: (typeof KINDS)[number], count: number): Promise<Memory> => {
    memory.forgetPeak();
    await using _load = await connections.load(way, kind, count);
    await delay(STAND_MS);
    return memory.peak();
  };
  for (const way of ['out', 'in'] as const) {
    for (const kind of KINDS) {
      const peaks: { count: number; peak: Memory }[] = [];
      for (const count of counts) peaks.push({ count, peak: await peakOf(way, kind, count) });
      const [first, last] = [peaks[0], peaks.at(-1)];
      for (const part of PARTS) {
        for (const { count, peak } of peaks) {
          const title = `${count.toLocaleString('en')} ${kind} streams: ${part}`;
          figures.add(row(`${kind}.${count}.${part}`, title, 'MiB'), 0, way, peak[part] / MIB);
        }
        if (!first || !last || last === first) continue;
        const each = (last.peak[part] - first.peak[part]) / (last.count - first.count);
        const title = `each further ${kind} stream: ${part}`;
        figures.add(row(`grows.${kind}.${part}`, title, 'KiB'), 0, way, Math.max(0, each) / KIB);
      }
      say(`  ${kind} streams, ${way}: ${counts.join(', ')}`);
    }
  }
  await connections[Symbol.asyncDispose]();
}
