import { type Cluster, connectCluster } from './cluster/client.ts';
import { consentTo } from './consent.ts';
import { connectDocker, type Docker } from './docker/connect.ts';
import { TpError } from './errors.ts';
import type { ClusterFlags } from './flags.ts';
import { mayLive, ownOwner } from './labels.ts';
import { findSessions, leaveSession, type Remains } from './leave.ts';
import type { Progress } from './progress.ts';

/** A live session of ours is asked to end by itself; after this long (ms) it is undone around it. */
const END_WAIT_MS = 20_000;
const END_POLL_MS = 100;

export interface LeaveFlags extends ClusterFlags {
  all?: boolean;
  yes?: boolean;
}

/**
 * `tp leave`: undoes the named sessions, whoever's they are, or those of this machine that died; with `all` this user's
 * live ones too. Throws TpError.
 */
export async function leaveCommand(
  named: readonly string[],
  flags: LeaveFlags,
  progress: Progress,
): Promise<void> {
  const docker = await dockerIfThere(progress);
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
  const agreed = await consentTo(chosen, cluster, { yes: flags.yes === true, progress });
  if (chosen.length > 0 && agreed.length === 0) return; // what was left alone has been said
  await leaveAll(agreed, docker, cluster, progress);
}

/** Docker, for what a session has there: where it does not run, the cluster's part of a session is undone all the same. */
async function dockerIfThere(progress: Progress): Promise<Docker | undefined> {
  try {
    return (await connectDocker()).docker;
  } catch (error) {
    if (!(error instanceof TpError)) throw error;
    progress.warn(`containers stay: ${error.message}`);
    return undefined;
  }
}

/** Ends and undoes sessions, one after the other; goes on after a failure. Throws the first one. */
export async function leaveAll(
  chosen: readonly Remains[],
  docker: Docker | undefined,
  cluster: Cluster,
  progress: Progress,
): Promise<void> {
  const own = ownOwner();
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
    // One that is stopped would not hear it.
    if (process.platform !== 'win32') process.kill(owner.pid, 'SIGCONT');
  } catch {
    return; // another user's: it ends by itself when its session is gone
  }
  const end = performance.now() + END_WAIT_MS;
  while (mayLive(owner) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, END_POLL_MS));
  }
}
