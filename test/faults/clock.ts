import { globSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tp as command } from '../e2e/harness/tp.ts';
import type { Fault, Running } from './experiment.ts';

/** Debian's package `libfaketime`, which the test cluster's setup installs. */
const LIBRARY = '/usr/lib/*/faketime/libfaketime.so.1';

const HOUR_MS = 3_600_000;

/** The process reads it whenever it asks for the time: it must never be half written. */
function setClock(directory: string, aheadMs: number): void {
  writeFileSync(`${directory}/clock.new`, `+${aheadMs / 1000}s\n`);
  renameSync(`${directory}/clock.new`, `${directory}/clock`);
}

/** How far the CLI's clock is ahead (ms), by the time at which it says that its link came up a moment ago. */
async function aheadBy(session: string): Promise<number> {
  const { stdout } = await command('status', '-o', 'json');
  const sessions = JSON.parse(stdout) as { session: string; link: { since: string } }[];
  const since = sessions.find((each) => each.session === session)?.link.since;
  if (since === undefined) throw new Error(`tp status knows no link of session ${session}: ${stdout}`);
  return Date.parse(since) - Date.now();
}

/** Steps the clock, and has all connections made anew by it. */
async function step({ tp, relay, directory, connectedAgain }: Running, aheadMs: number): Promise<void> {
  setClock(directory, aheadMs);
  await sleep(3_000); // heartbeats, and everything else that repeats
  relay.cut();
  await sleep(1_000);
  relay.restore();
  await connectedAgain();
  const ahead = await aheadBy(tp.session);
  if (Math.abs(ahead - aheadMs) > HOUR_MS / 2)
    throw new Error(`the clock is ${ahead} ms ahead, not ${aheadMs}`);
}

/** Only of the CLI and what it starts: the machine's own clock is the cluster's. */
export const CLOCK: Fault = {
  id: 'clock',
  what: "the laptop's clock steps an hour forward, and an hour back; the link is cut after each",
  failed: 'none',
  stream: 'survives',
  session: 'goes on',
  async prepare(directory) {
    const [library] = globSync(LIBRARY);
    if (library === undefined)
      throw new Error(`there is no ${LIBRARY}: \`test/cluster/cluster up\` installs it`);
    setClock(directory, 0);
    const env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: `${directory}/clock`,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1', // a step does not touch it
      FAKETIME_DISABLE_SHM: '1', // what it shares would be left behind
    };
    return { env };
  },
  async inject(run) {
    await step(run, HOUR_MS);
    await step(run, 0);
  },
};
