/** `npm run test:faults [-- ID…]`: has every fault happen to a session under load, and writes the table of docs/faults.md. */
import { writeFileSync } from 'node:fs';
import { prepare } from '../e2e/harness/cluster.ts';
import { experiment, type Outcome } from './experiment.ts';
import { FAULTS } from './faults.ts';
import { complaints, table } from './report.ts';

const RESULTS = `${import.meta.dirname}/results.json`;

await prepare();
const wanted = process.argv.slice(2);
const faults = FAULTS.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
const outcomes: Outcome[] = [];
let failed = 0;
for (const fault of faults) {
  process.stdout.write(`${fault.what} …\n`);
  const outcome = await experiment(fault);
  outcomes.push(outcome);
  const wrong = complaints(fault, outcome);
  failed += wrong.length;
  for (const line of wrong) process.stdout.write(`  ✖ ${line}\n`);
  if (wrong.length > 0) process.stdout.write(`${outcome.said.replace(/^/gm, '    ')}\n`);
}
const rows = outcomes.map(({ said: _said, ...outcome }) => ({
  ...outcome,
  load: { ...outcome.load, changes: outcome.load.changes.length },
}));
process.stdout.write(`\n${table(rows)}\n`);
if (wanted.length === 0 && failed === 0) writeFileSync(RESULTS, `${JSON.stringify(rows, undefined, 2)}\n`);
process.exit(failed === 0 ? 0 : 1);
