import { type Cluster, connectCluster } from './cluster/client.ts';
import { connectDocker } from './docker/connect.ts';
import { TpError } from './errors.ts';
import type { ClusterFlags } from './flags.ts';
import type { Progress } from './progress.ts';
import { gatherSessions } from './status/gather.ts';
import { statusText } from './status/text.ts';

export interface StatusFlags extends ClusterFlags {
  all?: boolean;
  output?: 'json';
}

/**
 * `tp status`: the sessions of this machine, with `all` those of the namespace too, on stdout. What cannot be looked at is
 * told; throws TpError where that is Docker and the cluster.
 */
export async function statusCommand(flags: StatusFlags, progress: Progress): Promise<void> {
  const failures: Error[] = [];
  const onFailure = (error: Error) => {
    if (!(error instanceof TpError)) throw error;
    // One namespace after the other fails for the same reason.
    if (!failures.some(({ message }) => message === error.message)) failures.push(error);
  };
  const connected = await connectDocker().catch(onFailure);
  const base = { ...flags, terminal: progress };
  const { sessions, looked } = await gatherSessions(
    {
      docker: connected?.docker,
      cluster: clusterAtHand(base, onFailure),
      reach: (place) => connectCluster({ ...base, ...place }),
      onFailure,
    },
    flags.all === true,
  );
  const last = looked ? undefined : failures.pop();
  for (const { message } of failures) progress.warn(`not looked at: ${message}`);
  if (flags.output === 'json') process.stdout.write(`${JSON.stringify(sessions, undefined, 2)}\n`);
  else if (sessions.length > 0) process.stdout.write(`${statusText(sessions)}\n`);
  else if (!last)
    progress.say(flags.all ? 'no sessions' : 'no sessions of this machine; --all for the namespace');
  if (last) throw last;
}

function clusterAtHand(
  options: Parameters<typeof connectCluster>[0],
  onFailure: (error: Error) => void,
): Cluster | undefined {
  try {
    return connectCluster(options);
  } catch (error) {
    onFailure(error as Error);
    return undefined;
  }
}
