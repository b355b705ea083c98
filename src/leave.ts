import { type Cluster, connectCluster } from './cluster/client.ts';
import { deleteObjects, endSession, giveBackServices, listSessions } from './cluster/objects.ts';
import { undoReplacement } from './cluster/replacement.ts';
import type { Docker } from './docker/connect.ts';
import { removeLinkDirectory } from './docker/link-directory.ts';
import { removeSession, sessionContainers } from './docker/session-containers.ts';
import { removeHeldFiles } from './held-files.ts';
import {
  CONTEXT,
  HELD,
  mayLive,
  NAMESPACE,
  OWNER,
  type Owner,
  ownOwner,
  readOwner,
  WORKLOAD,
} from './labels.ts';
import type { Progress } from './progress.ts';
import { removeSockets } from './status/socket.ts';

/** What is left of a session, in Docker, in the cluster, or in both. */
export interface Remains {
  session: string;
  owner: Owner | undefined;
  /** The name under which others join it, if it is held for them. */
  held: string | undefined;
  workload: string | undefined;
  /** Where its objects are, if Docker's labels say so; else the namespace at hand. */
  place: { context: string; namespace: string };
}

const NONE: ReadonlyMap<string, Record<string, string>> = new Map();

/** All sessions that left a trace in Docker or in the namespace; of one side where the other is not there. Throws TpError. */
export async function findSessions(
  docker: Docker | undefined,
  cluster: Cluster | undefined,
): Promise<Remains[]> {
  const [containers, objects] = await Promise.all([
    docker ? sessionContainers(docker) : NONE,
    cluster ? listSessions(cluster) : NONE,
  ]);
  const { context = '', namespace = '' } = cluster ?? {};
  const remains = new Map<string, Remains>();
  for (const [session, labels] of containers) {
    const place = { context: labels[CONTEXT] ?? context, namespace: labels[NAMESPACE] ?? namespace };
    const { [HELD]: held, [WORKLOAD]: workload } = labels;
    remains.set(session, { session, owner: readOwner(labels[OWNER]), held, workload, place });
  }
  for (const [session, annotations] of objects) {
    const known = remains.get(session);
    const owner = readOwner(annotations[OWNER]) ?? known?.owner;
    const workload = annotations[WORKLOAD] ?? known?.workload;
    remains.set(session, { session, owner, held: known?.held, workload, place: { context, namespace } });
  }
  return [...remains.values()];
}

/** Pods of a dead session have this long (s) to finish what they serve. */
const GRACE_SECONDS = 3;

/** Undoes a session completely, as far as Docker is there: the Services first. May be interrupted and done again. Throws TpError. */
export async function leaveSession(
  docker: Docker | undefined,
  cluster: Cluster,
  remains: Remains,
): Promise<void> {
  const { session, place } = remains;
  const here = place.context === cluster.context && place.namespace === cluster.namespace;
  const there = here ? cluster : connectCluster({ ...cluster.options, ...place });
  await endSession(there, session);
  await undoReplacement(there, session);
  await giveBackServices(there, session);
  await Promise.all([
    docker && removeSession(docker, session),
    deleteObjects(there, session, { graceSeconds: GRACE_SECONDS }),
  ]);
  removeLinkDirectory(session);
  removeSockets(session);
  if (remains.held !== undefined) removeHeldFiles(remains.held);
}

/**
 * Undoes what sessions of this machine left whose process is gone. What cannot be undone now is told and left. Returns
 * whether there was any. Throws TpError.
 */
export async function clearDeadSessions(
  docker: Docker,
  cluster: Cluster,
  progress: Progress,
): Promise<boolean> {
  const { machine } = ownOwner();
  const dead = (await findSessions(docker, cluster)).filter(
    ({ owner }) => owner?.machine === machine && !mayLive(owner),
  );
  for (const remains of dead) {
    try {
      await progress.step(`clearing up after session ${remains.session}, which died`, () =>
        leaveSession(docker, cluster, remains),
      );
    } catch (error) {
      progress.warn(`session ${remains.session} cannot be undone now: ${(error as Error).message}`);
    }
  }
  return dead.length > 0;
}
