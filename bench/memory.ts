/** The resident memory of a session's three processes, at rest, under load and after it. See docs/bench.md. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { embedded, prepare } from '../test/e2e/harness/cluster.ts';
import { Connections, type Direction, type Kind } from '../test/e2e/harness/connections.ts';
import { PARTS } from '../test/e2e/harness/processes.ts';
import { snapshot } from '../test/e2e/harness/snapshot.ts';
import { tp } from '../test/e2e/harness/tp.ts';
import { collected } from './heap.ts';
import { differences } from './leftovers.ts';
import { describeMachine } from './machine.ts';
import { COLLECTED, figures, type Held, type MemoryRow, writeMemory } from './memory-report.ts';

const { values: flags } = parseArgs({
  options: {
    /** Few connections: does everything work? */
    quick: { type: 'boolean', default: false },
    /** The cluster, the example and dist/ are as they shall be. */
    prepared: { type: 'boolean', default: false },
  },
});
const RESULTS = `${import.meta.dirname}/results${flags.quick ? '/quick' : ''}`;

/** A load stands for this long (ms), and the session rests for as long before what is left is read. */
const STAND_MS = flags.quick ? 500 : 5_000;

/** As often as the short connections come again: what the second time leaves in a heap beyond the first is a leak, but for … */
const AGAIN = 2;

/** … so much (bytes), which is 100 for each connection of 10,000: code that is compiled late, and caches. */
const SLACK_BYTES = 1024 ** 2;

const MANY = (count: number) => (flags.quick ? count / 50 : count);

const LOADS: readonly { what: string; kind: Kind; count: number; times?: number }[] = [
  { what: 'idle', kind: 'idle', count: MANY(1_000) },
  { what: 'busy', kind: 'busy', count: MANY(500) },
  { what: 'whose caller never reads', kind: 'unread', count: MANY(50) },
  { what: 'whose server never reads', kind: 'unheard', count: MANY(50) },
  { what: 'short ones, one after the other', kind: 'short', count: MANY(10_000), times: AGAIN },
];
const DIRECTIONS: Record<Direction, string> = { in: 'inbound', out: 'outbound' };

const say = (line: string) => process.stderr.write(`${line}\n`);

async function measure(connections: Connections): Promise<MemoryRow[]> {
  const { memory } = connections;
  const left = async () => {
    await delay(STAND_MS);
    const after = memory.now();
    const held = await heldIn(connections);
    return { after, held, collected: memory.now() };
  };
  await heldIn(connections); // what the inspector itself takes is not the load's
  const rows: MemoryRow[] = [{ title: 'at rest', peak: memory.now(), ...(await left()) }];
  for (const direction of ['in', 'out'] as const) {
    for (const { what, kind, count, times = 1 } of LOADS) {
      for (let time = 1; time <= times; time++) {
        const again = time > 1 ? ', again' : '';
        const title = `${count.toLocaleString('en')} ${DIRECTIONS[direction]}, ${what}${again}`;
        memory.forgetPeak();
        {
          await using _load = await connections.load(direction, kind, count);
          if (kind !== 'short') await delay(STAND_MS);
        }
        const row = { title, peak: memory.peak(), ...(await left()) };
        rows.push(row);
        say(`${title}: ${PARTS.map((part) => `${part} ${figures(row, part)}`).join(', ')}`);
      }
    }
  }
  return rows;
}

/** What the heaps hold when all garbage has been collected (bytes). The CLI passes the signal for it on to the container. */
async function heldIn({ memory: { pids } }: Connections): Promise<Held> {
  return { agent: await collected(pids.agent), proxy: await collected(pids.proxy) };
}

/** Throws where the same load leaves more behind the second time. */
function refuseGrowth(rows: readonly MemoryRow[]): void {
  for (const [index, { title, held }] of rows.entries()) {
    const first = rows[index - 1];
    if (!first || !title.endsWith(', again')) continue;
    for (const part of COLLECTED) {
      const grown = held[part] - first.held[part];
      assert(grown <= SLACK_BYTES, `${title}: the ${part} holds ${(grown / 1024).toFixed(0)} KiB more`);
    }
  }
}

assert(embedded, 'the proxy is measured as a process of this machine');
if (!flags.prepared) await prepare();
await tp('leave'); // of sessions that died before this one: they are none of ours
const before = await snapshot();
let rows: MemoryRow[];
{
  await using connections = await Connections.begin('tp-bench-memory');
  rows = await measure(connections);
}
const left = differences(before, await snapshot());
assert(left.length === 0, `not everything is as it was before:\n${left.join('\n')}`);
console.log(writeMemory(RESULTS, rows, await describeMachine()));
refuseGrowth(rows);
process.exit();
