import { connectCluster } from './cluster/client.ts';
import { consentTo } from './consent.ts';
import { connectDocker } from './docker/connect.ts';
import { TpError } from './errors.ts';
import type { ClusterFlags } from './flags.ts';
import { ownOwner } from './labels.ts';
import { findSessions } from './leave.ts';
import { leaveAll } from './leave-command.ts';
import type { Progress } from './progress.ts';

/** `tp down`: ends the named held sessions of this machine, or all of this user's. Throws TpError for an unknown name. */
export async function downCommand(
  named: readonly string[],
  flags: ClusterFlags,
  progress: Progress,
): Promise<void> {
  const { docker } = await connectDocker();
  const cluster = connectCluster({ ...flags, terminal: progress });
  const { machine, user } = ownOwner();
  const held = (await findSessions(docker, cluster)).filter(
    ({ held: name, owner }) => name !== undefined && owner?.machine === machine,
  );
  const nameOf = (text: string) => `tp-${text.split('/').at(-1)}`;
  for (const name of named) {
    if (held.some((each) => each.held === nameOf(name))) continue;
    throw new TpError('TP_NO_SESSION', `no session is held for ${name}`, {
      hint: held.map((each) => `tp down ${each.held?.replace(/^tp-/, '')}`).join('\n') || 'tp status',
    });
  }
  const names = named.map(nameOf);
  const chosen = held.filter((each) =>
    names.length > 0 ? names.includes(each.held ?? '') : each.owner?.user === user,
  );
  await leaveAll(await consentTo(chosen, cluster, { yes: false, progress }), docker, cluster, progress);
}
