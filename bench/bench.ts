/** tp beside a pod of the cluster, a raw stream, `kubectl port-forward` and a peer, in one run: see docs/bench.md. */
import assert from 'node:assert/strict';
import { availableParallelism, loadavg } from 'node:os';
import { embedded, kubeconfig, prepare } from '../test/e2e/harness/cluster.ts';
import { snapshot } from '../test/e2e/harness/snapshot.ts';
import { tp } from '../test/e2e/harness/tp.ts';
import { Figures } from './figures.ts';
import { differences } from './leftovers.ts';
import { describeMachine } from './machine.ts';
import { parseOptions } from './options.ts';
import { readPeer } from './peer.ts';
import { findPods, type Pods, podsAreSettled } from './pods.ts';
import { RawPod } from './raw-pod.ts';
import { type Run, terminalReport, writeReport } from './report.ts';
import { measureRound } from './round.ts';
import { inPod } from './run-client.ts';
import { Session } from './session.ts';
import { measureMemory } from './streams-memory.ts';
import type { Phase } from './timeline.ts';
import { ALL_WAYS, WAYS } from './ways.ts';

const options = parseOptions(process.argv.slice(2));
const { size, only, streams, limitMs, quick } = options;
// A relay leads to addresses of this machine only.
const links = embedded ? options.links : options.links.filter((link) => link === 0);
// What was chosen only is no report for the pages.
const RESULTS = `${import.meta.dirname}/results${quick || only.length > 0 ? '/quick' : ''}`;
const peer = options.peer === undefined ? undefined : readPeer(options.peer);

/** Of the last minute: whatever runs beside the bench is in all figures. */
const [load = 0] = loadavg();
/** With this share of the processors in use before, figures are not the bench's own. */
const BUSY = 0.25;

const say = (line: string) => process.stderr.write(`${line}\n`);

/** Images are built and loaded on first use: that is not what the start is measured for. */
async function warmUp(pods: Pods): Promise<void> {
  say('warm-up: a session that is not measured');
  const session = cleanup.use(new Session(kubeconfig));
  await session.start(inPod(pods.frontend));
  await session.end();
}

/** Gives the report. It is written after each round: what was measured before a later one failed counts. */
async function measure(): Promise<string> {
  const figures = new Figures();
  const starts: Phase[][] = [];
  const machine = await describeMachine();
  const write = (rounds: number): Run => {
    const named = peer ? { peer: peer.name } : {};
    const run = { figures, starts, size: { ...size, rounds }, machine, load, ...named };
    writeReport(RESULTS, run);
    return run;
  };
  const pods = await findPods();
  say(`columns: ${ALL_WAYS.map((way) => `${way} = ${WAYS[way]}`).join(', ')}`);
  const raw = cleanup.use(await RawPod.begin());
  if (!quick) await warmUp(pods);
  const rounds = await measureRounds(async (round) => {
    say(`round ${round} of ${size.rounds}`);
    await measureRound({ size, links, only, pods, raw, peer, figures, starts, say, cleanup }, round);
    write(round);
  });
  if (embedded && streams.length > 0) {
    say('memory');
    await measureMemory({ figures, counts: streams, say, cleanup });
  }
  return terminalReport(write(rounds));
}

/** As many as were asked for, or as the time allows. Gives how many there were. */
async function measureRounds(measureOne: (round: number) => Promise<void>): Promise<number> {
  const begin = performance.now();
  for (let round = 1; ; round++) {
    await measureOne(round);
    const took = performance.now() - begin;
    if (round === size.rounds || took + took / round > limitMs) return round;
  }
}

const cleanup = new AsyncDisposableStack();
if (!options.prepared) await prepare();
await tp('leave'); // of sessions that died before this one: they are none of ours
await podsAreSettled();
const { promise: interrupted, reject } = Promise.withResolvers<never>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(signal)));

if (load > availableParallelism() * BUSY)
  say(`the machine is busy (load average ${load.toFixed(2)}): figures will say little`);
const before = await snapshot();
try {
  console.log(`\n${await Promise.race([measure(), interrupted])}`);
} finally {
  await cleanup.disposeAsync();
}
const left = differences(before, await snapshot());
assert(left.length === 0, `not everything is as it was before:\n${left.join('\n')}`);
say('Docker, the cluster and the host are as they were before.');
process.exit();
