import { createInterface } from 'node:readline/promises';
import type { Cluster } from './cluster/client.ts';
import { linkOf, viewSessions } from './cluster/session-view.ts';
import { TpError } from './errors.ts';
import { mayLive, type Owner, ownOwner } from './labels.ts';
import type { Remains } from './leave.ts';
import type { Progress } from './progress.ts';
import { ago } from './times.ts';

/** A process that has not been connected for this long (ms) has given its session up, or its machine sleeps. */
const FORSAKEN_MS = 10 * 60_000;

/** How a person is asked; what answers in tests. */
export interface Asking {
  /** `--yes`. */
  yes: boolean;
  progress: Progress;
  answer?: (question: string) => Promise<string>;
}

/**
 * Those of the sessions that may be ended: another user's or another machine's that may still live only with somebody's
 * consent. Throws TpError where there is nobody to ask; nothing has been changed then.
 */
export async function consentTo(
  chosen: readonly Remains[],
  cluster: Cluster,
  { yes, progress, answer = ask }: Asking,
): Promise<Remains[]> {
  const own = ownOwner();
  const agreed: Remains[] = [];
  for (const remains of chosen) {
    const { session, owner } = remains;
    const ours = owner === undefined || (owner.machine === own.machine && owner.user === own.user);
    const signs = yes || ours ? undefined : await signsOfLife(remains, owner, cluster);
    if (signs === undefined) {
      agreed.push(remains);
      continue;
    }
    if (!progress.inputIsFree) {
      throw new TpError('TP_NOT_YOURS', `session ${session}: ${signs}`, {
        hint: `ask ${owner?.user} to end it\ntp leave ${session} --yes`,
      });
    }
    const reply = await progress.lend(() => answer(`tp session ${session}: ${signs}. End it? [y/N] `));
    if (/^y(es)?$/i.test(reply.trim())) agreed.push(remains);
    else progress.say(`left alone: ${session}`);
  }
  return agreed;
}

/** Why the session may still live, for its person; undefined where it does not. */
async function signsOfLife(
  { session, place }: Remains,
  owner: Owner,
  cluster: Cluster,
): Promise<string | undefined> {
  const { user, host, machine, pid } = owner;
  if (machine === ownOwner().machine) {
    return mayLive(owner) ? `${user} runs it on this machine, as process ${pid}` : undefined;
  }
  const runs = `${user}@${host} runs it`;
  if (place.context !== cluster.context || place.namespace !== cluster.namespace) return runs;
  const view = (await viewSessions(cluster)).get(session);
  if (!view?.pod) return undefined; // its process ends when it finds no pod
  const { state, since } = await linkOf(cluster, view);
  if (since === undefined) return runs;
  if (state === 'gone' && Date.now() - Date.parse(since) > FORSAKEN_MS) return undefined;
  return `${runs}, ${state} for ${ago(since, Date.now())}`;
}

/** Asks on the terminal, where stdout may be somebody's pipe. Nothing typed, or its end, is a no. */
async function ask(question: string): Promise<string> {
  // As a plain stream: Ctrl-C ends tp as ever.
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    return await Promise.race([lines.question(question), ended]);
  } finally {
    lines.close();
  }
}
