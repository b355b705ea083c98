/** `npm run test:faults [-- ID…]`: has every fault happen to a session under load, and keeps the results for docs/faults.md. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { prepare } from '../e2e/harness/cluster.ts';
import { experiment, type Outcome } from './experiment.ts';
import { FAULTS } from './faults.ts';
import { complaints, type Row, table } from './report.ts';

const RESULTS = `${import.meta.dirname}/results.json`;

await prepare();
const wanted = process.argv.slice(2);
const faults = FAULTS.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
const rows = new Map(known().map((row) => [row.id, row]));
let failed = 0;
for (const fault of faults) {
  process.stdout.write(`${fault.what} …\n`);
  const outcome = await experiment(fault);
  const wrong = complaints(fault, outcome);
  failed += wrong.length;
  for (const line of wrong) process.stdout.write(`  ✖ ${line}\n`);
  if (wrong.length === 0) keep(outcome);
  else process.stdout.write(`${outcome.said.replace(/^/gm, '    ')}\n`);
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
  const inOrder = FAULTS.flatMap(({ id }) => rows.get(id) ?? []);
  writeFileSync(RESULTS, `${JSON.stringify(inOrder, undefined, 2)}\n`);
}
