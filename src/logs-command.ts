import { chooseSession } from './chosen-session.ts';
import { type Cluster, connectCluster } from './cluster/client.ts';
import { proxyLog } from './cluster/proxy-log.ts';
import { connectDocker, type Docker } from './docker/connect.ts';
import { agentLog } from './docker/network-log.ts';
import type { ClusterFlags } from './flags.ts';
import { findSessions, type Remains } from './leave.ts';
import { type LogLine, merged } from './log-lines.ts';
import type { Progress } from './progress.ts';

/** What a session's log is made of. */
export const LOG_PARTS = ['agent', 'proxy'] as const;
type Part = (typeof LOG_PARTS)[number];

export interface LogsFlags extends ClusterFlags {
  follow?: boolean;
  part?: Part;
}

type PartLine = LogLine & { part: Part };

/**
 * `tp logs`: what agent and proxy of a session have said, on stdout; readable for as long as the container and the pod
 * are there, whether the session's process lives or not. Throws TpError.
 */
export async function logsCommand(
  named: string | undefined,
  { part: only, follow = false, ...flags }: LogsFlags,
  progress: Progress,
  interrupted: AbortSignal,
): Promise<void> {
  const cannot = (part: Part, error: Error) => {
    if (only === part) throw error;
    progress.warn(`the log of the ${part} cannot be read: ${error.message}`);
  };
  const nobodyReads = new AbortController();
  process.stdout.on('error', () => nobodyReads.abort()); // such as `head`, which has enough
  const reading = { follow, signal: AbortSignal.any([interrupted, nobodyReads.signal]) };
  const cluster = connectCluster({ ...flags, terminal: progress });
  const docker = await connectDocker().then(
    (connection) => connection.docker,
    (error: Error) => cannot('agent', error) ?? undefined,
  );
  const sessions = await sessionsOf(docker, cluster, (error) => cannot('proxy', error));
  const { session, place } = chooseSession(sessions, named, `namespace ${cluster.namespace}`, 'tp logs');
  const logs: Record<Part, () => AsyncIterable<LogLine> | undefined> = {
    agent: () => docker && agentLog(docker, session, reading),
    proxy: () => proxyLog(connectCluster({ ...cluster.options, ...place }), session, reading),
  };
  const write = ({ part, text }: PartLine) =>
    void process.stdout.write(only ? `${text}\n` : `${part} | ${text}\n`);
  const read = async (part: Part): Promise<PartLine[]> => {
    const kept: PartLine[] = [];
    try {
      for await (const line of logs[part]() ?? []) {
        if (follow) write({ ...line, part });
        else kept.push({ ...line, part });
      }
    } catch (error) {
      cannot(part, error as Error); // the other part is worth showing
    }
    return kept;
  };
  const lines = merged(await Promise.all(LOG_PARTS.filter((part) => (only ?? part) === part).map(read)));
  for (const line of lines) write(line);
  if (!follow && lines.length === 0) progress.say(`session ${session} has no log here`);
}

/** The sessions that Docker and the cluster know; without the cluster, those of Docker. */
async function sessionsOf(
  docker: Docker | undefined,
  cluster: Cluster,
  withoutCluster: (error: Error) => void,
): Promise<Remains[]> {
  try {
    return await findSessions(docker, cluster);
  } catch (error) {
    if (!docker) throw error;
    withoutCluster(error as Error);
    return await findSessions(docker, undefined);
  }
}
