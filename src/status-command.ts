import { connectCluster } from './cluster/client.ts';
import { connectDocker } from './docker/connect.ts';
import type { ClusterFlags } from './flags.ts';
import { mayLive } from './labels.ts';
import { findSessions } from './leave.ts';
import type { Progress } from './progress.ts';

/** `tp status`: the sessions of this machine and of the namespace, a line each, on stdout. */
export async function statusCommand(flags: ClusterFlags, progress: Progress): Promise<void> {
  const { docker } = await connectDocker();
  const cluster = connectCluster({ ...flags, terminal: progress });
  const rows = (await findSessions(docker, cluster)).map(({ session, workload, place, owner, held }) => [
    session,
    workload ?? '-',
    `${place.context}/${place.namespace}`,
    owner ? `${owner.user}@${owner.host}` : 'unknown',
    held ?? '-',
    mayLive(owner) ? 'running' : 'its process has ended: tp leave',
  ]);
  if (rows.length === 0) {
    progress.say('no sessions');
    return;
  }
  const table = [['SESSION', 'WORKLOAD', 'WHERE', 'WHOSE', 'HELD AS', 'STATE'], ...rows];
  const widths = table[0]?.map((_head, at) => Math.max(...table.map((row) => row[at]?.length ?? 0))) ?? [];
  for (const row of table) {
    const cells = row.map((text, at) => text.padEnd(widths[at] ?? 0));
    process.stdout.write(`${cells.join('  ').trimEnd()}\n`);
  }
}
