/** From saving a file to the answer of the new code: tp's ways of reloading beside a roll-out. See docs/bench.md. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { callService, prepare } from '../test/e2e/harness/cluster.ts';
import { docker } from '../test/e2e/harness/container.ts';
import { eventually } from '../test/e2e/harness/eventually.ts';
import { type FirstAnswer, Load } from '../test/e2e/harness/load.ts';
import { IMAGE, KINDS, type Kind, Project } from '../test/e2e/harness/reloading.ts';
import { snapshot } from '../test/e2e/harness/snapshot.ts';
import { Tp, tp } from '../test/e2e/harness/tp.ts';
import { differences } from './leftovers.ts';
import { describeMachine } from './machine.ts';
import { type Reload, type Series, writeReloads } from './reload-report.ts';
import { Rollout } from './rollout.ts';

const { values: flags } = parseArgs({
  options: {
    /** Two reloads of each kind: does everything work? */
    quick: { type: 'boolean', default: false },
    /** The cluster, the example and dist/ are as they shall be. */
    prepared: { type: 'boolean', default: false },
  },
});
const RELOADS = flags.quick ? 2 : 20;
const ROLLOUTS = flags.quick ? 1 : 5;
const RESULTS = `${import.meta.dirname}/results${flags.quick ? '/quick' : ''}`;

const SERVICE = 'http://servicename/';
const RATE = 50;

/** Nobody saves again sooner (ms) than this after having seen the last change. */
const PACE_MS = 500;

/** An image has to be built, copied to the node and started by then (ms). */
const ANSWER_LIMIT_MS = 120_000;

const say = (line: string) => process.stderr.write(`${line}\n`);

/** Makes changes one after the other under a steady load. `save` makes one, and gives the time (epoch ms). */
async function measure(
  title: string,
  count: number,
  save: (version: string) => Promise<number>,
): Promise<Series> {
  const load = await Load.start(SERVICE, RATE);
  const reloads: Reload[] = [];
  for (let n = 1; n <= count; n++) {
    const version = `${title} ${n}`;
    const saved = await save(version);
    reloads.push(phases(saved, await load.sees(version, ANSWER_LIMIT_MS)));
    await delay(PACE_MS);
  }
  const { sent, failures } = await load.stop();
  assert.deepEqual(failures, [], `${title}: no request may fail`);
  say(`${title}: ${count} changes under ${sent} requests`);
  return { title, reloads, sent };
}

const phases = (saved: number, { at, startedAt, listeningAt }: FirstAnswer): Reload => ({
  untilStart: startedAt - saved,
  programs: listeningAt - startedAt,
  untilAnswer: at - listeningAt,
});

async function measureKind(kind: Kind): Promise<Series> {
  await using project = await Project.make();
  await using _session = await Tp.session(KINDS[kind](project.directory), /Service servicename is switched/);
  await eventually(
    () => callService(SERVICE),
    (text) => text.includes('"version":"first"'),
    ANSWER_LIMIT_MS,
  );
  return await measure(kind, RELOADS, async (version) => project.save(version));
}

/** Docker's own restart of the same container, asked for at once and without tp: what `--watch` contains of it. */
async function measureRestart(): Promise<Series> {
  await using _project = await Project.make();
  const name = 'tp-bench-restart';
  await docker('run', '--detach', '--name', name, '--publish', '127.0.0.1::8080', IMAGE);
  try {
    const reloads: Reload[] = [];
    for (let n = 1; n <= RELOADS; n++) {
      const asked = Date.now();
      await docker('restart', name);
      const address = (await docker('port', name, '8080')).trim();
      reloads.push(phases(asked, await answerAfter(asked, `http://${address}/`)));
    }
    return { title: 'docker restart, nothing else', reloads, sent: 0 };
  } finally {
    await docker('rm', '--force', name);
  }
}

/** The first answer of a process that began after `since` (epoch ms). */
async function answerAfter(since: number, url: string): Promise<FirstAnswer> {
  const ask = async () => {
    const response = await fetch(url, { headers: { connection: 'close' } }).catch(() => undefined);
    const answer = (await response?.json().catch(() => undefined)) as FirstAnswer | undefined;
    return answer && { ...answer, at: Date.now() };
  };
  const found = await eventually(ask, (answer) => (answer?.startedAt ?? 0) > since, ANSWER_LIMIT_MS);
  assert(found);
  return found;
}

if (!flags.prepared) await prepare();
await tp('leave'); // of sessions that died before this one: they are none of ours
const before = await snapshot();
const series: Series[] = [];
for (const kind of Object.keys(KINDS) as Kind[]) series.push(await measureKind(kind));
series.push(await measureRestart());
const left = differences(before, await snapshot());
assert(left.length === 0, `not everything is as it was before:\n${left.join('\n')}`);
{
  await using rollout = await Rollout.prepare();
  series.push(
    await measure('image, copy to the node, roll-out', ROLLOUTS, (version) => rollout.change(version)),
  );
}
console.log(writeReloads(RESULTS, series, await describeMachine()));
process.exit();
