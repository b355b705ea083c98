import { setTimeout as sleep } from 'node:timers/promises';
import { HELLO_TIMEOUT_MS, RESUME_LIMIT_MS, SILENCE_LIMIT_MS } from '../../src/tunnel/limits.ts';
import { kubectl } from '../e2e/harness/cluster.ts';
import { eventually } from '../e2e/harness/eventually.ts';
import { tp as command } from '../e2e/harness/tp.ts';
import { drainSecondNode, withSecondNode } from './drained.ts';
import type { Fault, Running } from './experiment.ts';

/** What becomes of a session whose CLI was killed while nobody runs a next command. */

/** A pod that is told to end may use all of its grace (ms), which is a minute, and a moment to be removed. */
const POD_GONE_MS = 75_000;

const ends = { failed: 'in flight', stream: 'ends', session: 'ends' } as const;

/** Waits until another pod than `old` runs and is ready; gives its name. */
async function successor({ proxyPod }: Running, old: string): Promise<string> {
  const name = await eventually(proxyPod, (now) => now !== '' && now !== old, 30_000);
  await kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s');
  return name;
}

/** Every timer that runs in the pod once the CLI is gone, one after the other (ms). Those of the CLI ended with it. */
const ALL_TIMERS_MS = RESUME_LIMIT_MS + SILENCE_LIMIT_MS + HELLO_TIMEOUT_MS;

/** Throws where `tp status --all` does not show the session as one that ended and may be undone. */
async function assertListed(session: string): Promise<void> {
  const { stdout, stderr } = await command('status', '--all', '-o', 'json');
  const sessions = JSON.parse(stdout) as { session: string; process: string; link: { state: string } }[];
  const found = sessions.find((each) => each.session === session);
  if (found?.process === 'ended' && found.link.state === 'gone') return;
  throw new Error(`tp status --all does not list session ${session} as ended:\n${stdout}${stderr}`);
}

export const ABANDONED: readonly Fault[] = [
  {
    id: 'cli-then-pods',
    what: "`kill -9` of the CLI, then the proxy's pod deleted, then its successor's node drained",
    ...ends,
    prepare: withSecondNode,
    async inject(run) {
      await run.tp.end('SIGKILL');
      await sleep(3_000);
      const first = await run.proxyPod();
      await kubectl('delete', 'pod', '--wait=false', first);
      const second = await successor(run, first);
      await drainSecondNode(run);
      await successor(run, second);
      // What they held ends with them.
      await kubectl('wait', '--for=delete', `pod/${first}`, `pod/${second}`, `--timeout=${POD_GONE_MS}ms`);
    },
  },
  {
    id: 'cli-left',
    what: '`kill -9` of the CLI, and no next command until all timers are over',
    ...ends,
    async inject({ tp }) {
      const { session } = tp;
      await tp.end('SIGKILL');
      await sleep(ALL_TIMERS_MS);
      await assertListed(session);
    },
  },
];
