import { ALL_WAYS, digits, type Figures, type Way } from './figures.ts';
import type { Pods } from './pods.ts';
import { PortForward } from './port-forward.ts';
import { inContainer, inPod, onHost, type Place, runClient } from './run-client.ts';
import { LAPTOP, SERVICE, Session } from './session.ts';
import { type Size, STEPS, type Step } from './steps.ts';
import type { WatchResult } from './task.ts';

/** servicename's port in its pods. */
const PORT = 8080;

export const START = 'from the command to the first answer';
export const SWITCHED = 'from the command to the switched Service';
export const END = 'from Ctrl-C to the end';

export interface RoundOptions {
  round: number;
  size: Size;
  pods: Pods;
  figures: Figures;
  say: (line: string) => void;
  /** Ends what a round has started, should it not come to its own end. */
  cleanup: AsyncDisposableStack;
}

/** Where the client runs, and what it calls. */
type Targets = Record<Way, { place: Place; base: string; mark?: string }>;

/** One round: starts both, measures every step on every way, ends both. */
export async function measureRound(options: RoundOptions): Promise<void> {
  const { round, pods, figures, cleanup } = options;
  const frontend = inPod(pods.frontend);
  const direct = `http://${pods.original.ip}:${PORT}`;

  const begin = performance.now();
  const forward = cleanup.use(new PortForward(pods.original.name, PORT));
  await forward.answers();
  figures.add(START, 's', 'kubectl', (performance.now() - begin) / 1000);

  const session = cleanup.use(new Session());
  const { answered, switched, watched } = await session.start(frontend);
  figures.add(START, 's', 'in', answered);
  figures.add(SWITCHED, 's', 'in', switched);
  sayRow(options, START, 's');
  sayRow(options, SWITCHED, 's');
  sayWatched(options, watched);

  const targets: Targets = {
    pod: { place: frontend, base: direct },
    kubectl: { place: onHost, base: forward.base },
    out: { place: inContainer(LAPTOP), base: direct },
    in: { place: frontend, base: SERVICE, mark: session.mark },
  };
  try {
    for (const step of STEPS) await measureStep(options, step, targets);
  } catch (error) {
    const said = `kubectl said: ${forward.complaints}\ntp said: ${session.said}`;
    throw new Error(`round ${round} failed\n${said}`, { cause: error });
  }

  figures.add(END, 's', 'in', await session.end());
  sayRow(options, END, 's');
  await forward[Symbol.asyncDispose]();
}

async function measureStep(options: RoundOptions, step: Step, targets: Targets): Promise<void> {
  const { round, size, figures, say } = options;
  say(`  ${step.what} …`);
  for (const way of inTurn(round)) {
    const { place, base, mark } = targets[way];
    const task = { ...step.task(size, round), base, mark };
    const result = await runClient<Record<string, number>>(place, task);
    for (const [key, [title, unit]] of Object.entries(step.rows)) {
      figures.add(title, unit, way, result[key] ?? Number.NaN);
    }
    if (!step.ratio) continue;
    const { title, of, to } = step.ratio;
    figures.add(title, '×', way, figures.last(of, way) / figures.last(to, way));
  }
  for (const [title, unit] of Object.values(step.rows)) sayRow(options, title, unit);
  if (step.ratio) sayRow(options, step.ratio.title, '×');
}

/** Each round begins with another way, so that none always goes first. */
function inTurn(round: number): Way[] {
  const first = round % ALL_WAYS.length;
  return [...ALL_WAYS.slice(first), ...ALL_WAYS.slice(0, first)];
}

/** What the takeover looked like from within the cluster. Failures are no nonsense, but nobody should miss them. */
function sayWatched({ say }: RoundOptions, { asked, failures, mixedMs }: WatchResult): void {
  say(`  during the takeover ${asked} requests, ${failures.length} failed ${failures.join(', ')}`);
  if (mixedMs > 0) say(`  pods and laptop answered side by side for ${Math.round(mixedMs)} ms`);
}

/** This round's figures of a row. */
function sayRow({ figures, say }: RoundOptions, title: string, unit: string): void {
  const figureOf = (way: Way) => digits(figures.last(title, way));
  const known = ALL_WAYS.filter((way) => !Number.isNaN(figures.last(title, way)));
  say(`    ${title}, ${unit}: ${known.map((way) => `${way} ${figureOf(way)}`).join(' · ')}`);
}
