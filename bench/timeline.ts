/** What a start spends its time with: tp's own steps, and what lies before and after them. */

/** In tp's environment: the file that it writes its steps to. */
export const STEPS_FILE = 'TP_BENCH_STEPS';

/** Times in seconds since the command. */
export interface Phase {
  name: string;
  begin: number;
  end: number;
}

export interface Moments {
  /** Epoch ms. */
  command: number;
  switched: number;
  answered: number;
}

/** What tp calls the step in which it looks at image and cluster: when it is over, all is planned. */
const LOOKING = 'looking at image and cluster';

/**
 * `lines` is what tell-steps.ts wrote: JSON, in epoch ms. Only what ended before the Service was switched belongs to a
 * start. Throws where tp looked at nothing.
 */
export function timeline(lines: string, { command, switched, answered }: Moments): Phase[] {
  const steps = lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Phase)
    .filter(({ end }) => end <= switched);
  const loaded = steps.find(({ name }) => name === 'loaded');
  const own = steps.filter((step) => step !== loaded).sort((a, b) => a.begin - b.begin);
  const [first] = own;
  if (!loaded || !first) throw new Error(`no steps in ${lines}`);
  const since = ({ name, begin, end }: Phase): Phase => ({
    name,
    begin: (begin - command) / 1000,
    end: (end - command) / 1000,
  });
  const last = Math.max(...own.map(({ end }) => end));
  return [
    { name: 'Node starts', begin: command, end: loaded.begin },
    { name: 'import, and the dead are looked for', begin: loaded.begin, end: first.begin },
    ...own,
    { name: 'the container starts, listens, is switched to', begin: last, end: switched },
    // A caller may have its answer before tp has said so.
    { name: 'the node hears of it', begin: Math.min(switched, answered), end: answered },
  ].map(since);
}

/** From the command until all is planned (s). */
export function plannedAfter(phases: readonly Phase[]): number {
  const looking = phases.find(({ name }) => name === LOOKING);
  if (!looking) throw new Error(`tp did not say that it was ${LOOKING}`);
  return looking.end;
}
