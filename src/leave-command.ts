import { connectCluster } from './cluster/client.ts';
import { connectDocker } from './docker/connect.ts';
import { TpError } from './errors.ts';
import { mayLive, ownOwner } from './labels.ts';
import { findSessions, leaveSession, type Remains } from './leave.ts';
import type { Progress } from './progress.ts';

/** A live session of ours is asked to end by itself; after this long (ms) it is undone around it. */
const END_WAIT_MS = 20_000;
const END_POLL_MS = 100;

/** `tp leave`: undoes the named sessions, or those of this machine that died; with `all` this user's live ones too. */
export async function leaveCommand(
  named: readonly string[],
  flags: { all?: boolean; namespace?: string; context?: string },
  progress: Progress,
): Promise<void> {
  const { docker } = await connectDocker();
  const cluster = connectCluster(flags);
  const all = await findSessions(docker, cluster);
  const own = ownOwner();
  for (const session of named) {
    if (all.some((each) => each.session === session)) continue;
    throw new TpError('TP_NO_SESSION', `there is no session ${session} in namespace ${cluster.namespace}`, {
      hint: all.map((each) => `tp leave ${each.session}`).join('\n') || 'there are no sessions here',
    });
  }
  const chosen = all.filter(({ session, owner }) => {
    if (named.length > 0) return named.includes(session);
    const ours = owner === undefined || owner.machine === own.machine;
    return ours && (!mayLive(owner) || (flags.all === true && owner?.user === own.user));
  });
  for (const remains of chosen) {
    await progress.step(`leaving session ${remains.session}`, async () => {
      await askToEnd(remains, own.machine);
      await leaveSession(docker, cluster, remains);
    });
  }
  progress.say(
    chosen.length === 0 ? 'nothing to undo' : `undone: ${chosen.map(({ session }) => session).join(', ')}`,
  );
}

async function askToEnd({ owner }: Remains, machine: string): Promise<void> {
  if (owner?.machine !== machine || !mayLive(owner)) return;
  process.kill(owner.pid, 'SIGTERM');
  const end = performance.now() + END_WAIT_MS;
  while (mayLive(owner) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, END_POLL_MS));
  }
}
