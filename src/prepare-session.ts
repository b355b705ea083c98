import { randomBytes } from 'node:crypto';
import { type Cluster, connectCluster } from './cluster/client.ts';
import { connectDocker, type Docker } from './docker/connect.ts';
import type { Draft } from './docker/draft.ts';
import type { DockerRunFlags } from './flags.ts';
import { dockerLabels, newSessionId, ownOwner } from './labels.ts';
import { clearDeadSessions } from './leave.ts';
import { type Findings, look, lookAtCluster } from './look.ts';
import { hashOf, planSession, type SessionPlan } from './plan.ts';
import type { Progress } from './progress.ts';
import { orAborted } from './together.ts';
import { TOKEN_BYTES } from './tunnel/preamble.ts';

/** What a session is wanted for, whoever will use its network container. */
export interface SessionRequest {
  own: DockerRunFlags;
  /** By which the workload is found, unless it is named. */
  image: string;
  /** Finds out what the network container takes over from the container that will join it. Changes nothing that stays. */
  draft(docker: Docker, labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Draft>;
}

/** Everything that is known before anything is changed. */
export interface PreparedSession {
  docker: Docker;
  /** Docker's address. */
  host: string;
  cluster: Cluster;
  session: string;
  /** Shown to the proxy; the cluster only knows its hash. */
  token: Buffer;
  labels: Record<string, string>;
  found: Findings;
  plan: SessionPlan;
}

/** Looks and plans. Throws TpError for what cannot work. */
export async function prepareSession(
  request: SessionRequest,
  progress: Progress,
  signal: AbortSignal,
): Promise<PreparedSession> {
  const { own, image } = request;
  const connecting = connectDocker();
  connecting.catch(() => {}); // awaited below; a kubeconfig that cannot be read is told first
  const cluster = connectCluster({ ...own, terminal: progress });
  const { docker, host } = await connecting;
  // Before anything else writes to the terminal: a login plugin may ask its person something.
  await orAborted(cluster.api.logIn(), signal);
  const early = lookAtCluster(cluster, request);
  early.catch(() => {}); // awaited below, unless there was something that it should not have seen
  const cleared = !own.dryRun && (await orAborted(clearDeadSessions(docker, cluster, progress), signal));
  const session = newSessionId();
  const owner = ownOwner();
  const token = randomBytes(TOKEN_BYTES);
  const labels = dockerLabels(session, owner, cluster);
  const found = await progress.step('looking at image and cluster', () =>
    look(docker, cluster, cleared ? lookAtCluster(cluster, request) : early, request, labels, signal),
  );
  const { namespace } = cluster;
  const plan = planSession({
    ...found,
    session,
    owner,
    tokenSha256: hashOf(token),
    namespace,
    image,
    flags: own,
  });
  return { docker, host, cluster, session, token, labels, found, plan };
}
