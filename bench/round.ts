import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CLI } from '../test/e2e/harness/tp.ts';
import { type Figures, type RowKind, summary } from './figures.ts';
import { measureStep, warmUp } from './measure-step.ts';
import { openLink } from './opened-link.ts';
import type { PeerFile } from './peer.ts';
import type { Pods } from './pods.ts';
import type { RawPod } from './raw-pod.ts';
import { isChosen, type Size, STEPS, type Step } from './steps.ts';
import { openTargets } from './targets.ts';
import type { WatchResult } from './task.ts';
import { type Phase, plannedAfter } from './timeline.ts';
import { type Link, linkName } from './ways.ts';

export interface Bench {
  size: Size;
  links: readonly Link[];
  /** Which steps, by the beginnings of their ids; all where it is empty. */
  only: readonly string[];
  pods: Pods;
  raw: RawPod;
  peer: PeerFile | undefined;
  figures: Figures;
  /** Of each round's start over the link as it is. */
  starts: Phase[][];
  say: (line: string) => void;
  /** Ends what a round has started, should it not come to its own end. */
  cleanup: AsyncDisposableStack;
}

const SECONDS = (id: string, title: string): RowKind => ({ id, title, unit: 's' });
/** What every session is measured by. */
const TIMES = {
  start: SECONDS('start', 'from the command to the first answer'),
  switched: SECONDS('switched', 'from the command to the switched Service'),
  planned: SECONDS('planned', 'from the command to the plan'),
  end: SECONDS('end', 'from Ctrl-C to everything restored'),
  help: SECONDS('help', 'tp --help'),
} as const;

/** Such a short time is the median of so many. */
const HELP_TIMES = 5;

/** Which of a link's steps are to be measured. */
const chosenSteps = ({ only }: Bench, link: Link): readonly Step[] =>
  STEPS.filter(({ id, links }) => links.includes(link) && isChosen(id, link, only));

/** One round: on each link all is started, every step is measured on every way, and all is ended. */
export async function measureRound(bench: Bench, round: number): Promise<void> {
  if (isChosen('help', 0, bench.only)) await measureHelp(bench);
  for (const link of bench.links) {
    const steps = chosenSteps(bench, link);
    const times = Object.values(TIMES).some(({ id }) => isChosen(id, link, bench.only));
    if (steps.length === 0 && !times) continue;
    bench.say(`  link: ${linkName(link)}`);
    await measureLink(bench, round, link, steps);
  }
}

async function measureHelp({ figures }: Bench): Promise<void> {
  const values: number[] = [];
  for (let time = 0; time < HELP_TIMES; time++) {
    const begin = performance.now();
    await promisify(execFile)(process.execPath, [CLI, '--help']);
    values.push((performance.now() - begin) / 1000);
  }
  figures.add(TIMES.help, 0, 'in', summary(values).median);
}

async function measureLink(bench: Bench, round: number, link: Link, steps: readonly Step[]): Promise<void> {
  const { pods, peer, figures, say } = bench;
  const cleanup = bench.cleanup.use(new AsyncDisposableStack());
  const { kubeconfig } = cleanup.use(await openLink(link));
  const opened = await openTargets({ pods, kubeconfig, peer, cleanup });
  const { started, kubectlStart, peerStart, session } = opened;
  figures.add(TIMES.start, link, 'kubectl', kubectlStart);
  if (peerStart !== undefined) figures.add(TIMES.start, link, 'peer', peerStart);
  figures.add(TIMES.start, link, 'in', started.answered);
  figures.add(TIMES.switched, link, 'in', started.switched);
  figures.add(TIMES.planned, link, 'in', plannedAfter(started.phases));
  if (link === 0) bench.starts.push(started.phases);
  say(`    ${figures.lastLine(TIMES.start.id, link)}`);
  sayWatched(bench, started.watched);
  try {
    const place = { ...bench, round, link, kubeconfig, opened };
    if (steps.length > 0) await warmUp(place);
    for (const step of steps) await measureStep(place, step);
  } catch (error) {
    throw new Error(`round ${round} failed, ${linkName(link)}\n${opened.said()}`, { cause: error });
  }
  figures.add(TIMES.end, link, 'in', await session.end());
  say(`    ${figures.lastLine(TIMES.end.id, link)}`);
  await cleanup.disposeAsync();
}

/** What the takeover looked like from within the cluster. Failures are no nonsense, but nobody should miss them. */
function sayWatched({ say }: Bench, { asked, failures, mixedMs }: WatchResult): void {
  say(`    during the takeover ${asked} requests, ${failures.length} failed ${failures.join(', ')}`);
  if (mixedMs > 0) say(`    pods and laptop answered side by side for ${Math.round(mixedMs)} ms`);
}
