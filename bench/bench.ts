/** tp beside a pod of the cluster and `kubectl port-forward`, in one run: see docs/bench.md. */
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { prepare } from '../test/e2e/harness/cluster.ts';
import { snapshot } from '../test/e2e/harness/snapshot.ts';
import { tp } from '../test/e2e/harness/tp.ts';
import { ALL_WAYS, Figures, WAYS } from './figures.ts';
import { differences } from './leftovers.ts';
import { describeMachine } from './machine.ts';
import { findPods, type Pods, podsAreSettled } from './pods.ts';
import { caption, writeReport } from './report.ts';
import { measureRound } from './round.ts';
import { inPod } from './run-client.ts';
import { Session } from './session.ts';
import type { Size } from './steps.ts';
import { textTable } from './table.ts';

const MIB = 1024 * 1024;
const FULL: Size = { rounds: 3, bytes: 256 * MIB, ms: 3_000 };
const QUICK: Size = { rounds: 1, bytes: 16 * MIB, ms: 300 };
const RESULTS = `${import.meta.dirname}/results`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    /** The cluster, the example and dist/ are as they shall be. */
    prepared: { type: 'boolean', default: false },
  },
});
const size = flags.quick ? QUICK : FULL;
if (flags.rounds) size.rounds = Number(flags.rounds);
assert(size.rounds >= 1, '--rounds: at least 1');

const say = (line: string) => process.stderr.write(`${line}\n`);

/** Images are built and loaded on first use: that is not what the start is measured for. */
async function warmUp(pods: Pods): Promise<void> {
  say('warm-up: a session that is not measured');
  const session = cleanup.use(new Session());
  await session.start(inPod(pods.frontend));
  await session.end();
}

async function measure(): Promise<Figures> {
  const figures = new Figures();
  const pods = await findPods();
  say(`columns: ${ALL_WAYS.map((way) => `${way} = ${WAYS[way]}`).join(', ')}`);
  if (!flags.quick) await warmUp(pods);
  for (let round = 1; round <= size.rounds; round++) {
    say(`round ${round} of ${size.rounds}`);
    await measureRound({ round, size, pods, figures, say, cleanup });
  }
  return figures;
}

const cleanup = new AsyncDisposableStack();
if (!flags.prepared) await prepare();
await tp('leave'); // of sessions that died before this one: they are none of ours
await podsAreSettled();
const { promise: interrupted, reject } = Promise.withResolvers<never>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(signal)));

const before = await snapshot();
try {
  const figures = await Promise.race([measure(), interrupted]);
  const machine = await describeMachine();
  writeReport(flags.quick ? `${RESULTS}/quick` : RESULTS, figures, size, machine);
  console.log(`\n${textTable(figures.rows)}\n\n${caption(size, machine)}`);
} finally {
  await cleanup.disposeAsync();
}
const left = differences(before, await snapshot());
assert(left.length === 0, `not everything is as it was before:\n${left.join('\n')}`);
say('Docker, the cluster and the host are as they were before.');
process.exit();
