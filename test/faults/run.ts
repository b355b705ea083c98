/** `npm run test:faults [-- ID…]`: has every fault happen to a session under load, and keeps the results for docs/faults.md. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { prepare } from '../e2e/harness/cluster.ts';
import { experiment, type Outcome } from './experiment.ts';
import { FAULTS } from './faults.ts';
import { killAtEach, MOMENTS } from './moments.ts';
import { ALL, complaints, type Row, table } from './report.ts';

const RESULTS = `${import.meta.dirname}/results.json`;

await prepare();
const wanted = process.argv.slice(2);
const runs = [
  ...FAULTS.map((fault) => ({ fault, run: () => experiment(fault) })),
  ...MOMENTS.map((fault) => ({ fault, run: () => killAtEach(fault) })),
].filter(({ fault: { id } }) => wanted.length === 0 || wanted.includes(id));
const rows = new Map(known().map((row) => [row.id, row]));
let failed = 0;
for (const { fault, run } of runs) {
  process.stdout.write(`${fault.what} …\n`);
  try {
    const outcome = await run();
    const wrong = complaints(fault, outcome);
    if (wrong.length > 0) throw new Error(`${wrong.join('\n')}\n${outcome.said.replace(/^/gm, '    ')}`);
    keep(outcome);
  } catch (error) {
    failed++; // the others are still worth a look
    process.stdout.write(`  ✖ ${(error as Error).message}\n`);
  }
}
process.stdout.write(`\n${table([...rows.values()])}\n`);
process.exit(failed === 0 ? 0 : 1);

/** What earlier runs saw, in the order of the table. */
function known(): Row[] {
  return existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as Row[]) : [];
}

/** Keeps what was seen of one fault; that of the others stays. */
function keep({ said: _said, load: { changes, ...load }, ...outcome }: Outcome): void {
  rows.set(outcome.id, { ...outcome, load: { ...load, changes: changes.length } });
  const inOrder = ALL.flatMap(({ id }) => rows.get(id) ?? []);
  writeFileSync(RESULTS, `${JSON.stringify(inOrder, undefined, 2)}\n`);
}
