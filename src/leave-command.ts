import { connectCluster } from './cluster/client.ts';
import { connectDocker } from './docker/connect.ts';
import { TpError } from './errors.ts';
import type { ClusterFlags } from './flags.ts';
import { mayLive, ownOwner } from './labels.ts';
import { findSessions, leaveSession, type Remains } from './leave.ts';
import type { Progress } from './progress.ts';

/** A live session of ours is asked to end by itself; after this long (ms) it is undone around it. */
const END_WAIT_MS = 20_000;
const END_POLL_MS = 100;

/** `tp leave`: undoes the named sessions, or those of this machine that died; with `all` this user's live ones too. */
export async function leaveCommand(
  named: readonly string[],
  flags: ClusterFlags & { all?: boolean },
  progress: Progress,
): Promise<void> {
  const { docker } = await connectDocker();
  const cluster = connectCluster({ ...flags, terminal: progress });
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
  const undone: string[] = [];
  const failures: unknown[] = [];
  for (const remains of chosen) {
    try {
      await progress.step(`leaving session ${remains.session}`, async () => {
        await askToEnd(remains, own.machine);
        await leaveSession(docker, cluster, remains);
      });
      undone.push(remains.session);
    } catch (error) {
      progress.warn(`session ${remains.session} cannot be undone: ${(error as Error).message}`);
      failures.push(error);
    }
  }
  if (chosen.length === 0) progress.say('nothing to undo');
  if (undone.length > 0) progress.say(`undone: ${undone.join(', ')}`);
  if (failures.length > 0) throw failures[0];
}

async function askToEnd({ owner }: Remains, machine: string): Promise<void> {
  if (owner?.machine !== machine || !mayLive(owner)) return;
  try {
    process.kill(owner.pid, 'SIGTERM');
  } catch (cause) {
    throw new TpError('TP_NOT_YOURS', `${owner.user} runs it on this machine, as process ${owner.pid}`, {
      cause,
      hint: `ask ${owner.user} to end it, or: sudo kill ${owner.pid}`,
    });
  }
  const end = performance.now() + END_WAIT_MS;
  while (mayLive(owner) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, END_POLL_MS));
  }
}
