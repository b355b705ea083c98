import type Dockerode from 'dockerode';
import { SESSION } from '../labels.ts';
import { exists } from './exists.ts';
import { listVolumes, removeVolumes } from './session-volumes.ts';
import { removeContainer } from './user-container.ts';

/** Sessions that have containers or volumes here, with the labels of one of them. */
export async function sessionContainers(docker: Dockerode): Promise<Map<string, Record<string, string>>> {
  const traces = await sessionTraces(docker);
  return new Map([...traces].map(([session, { labels }]) => [session, labels]));
}

/** The same, with when the first of them was made. */
export async function sessionTraces(
  docker: Dockerode,
): Promise<Map<string, { labels: Record<string, string>; since: Date }>> {
  const [containers, volumes] = await Promise.all([
    docker.listContainers({ all: true, filters: { label: [SESSION] } }),
    listVolumes(docker),
  ]);
  const traces = [
    ...containers.map(({ Labels, Created }) => ({ labels: Labels, since: new Date(Created * 1_000) })),
    ...volumes.map(({ Labels, ...volume }) => ({ labels: Labels, since: createdAt(volume) })),
  ];
  // The oldest last, which is what stays.
  return new Map(
    traces
      .sort((a, b) => b.since.getTime() - a.since.getTime())
      .map((trace) => [trace.labels[SESSION] ?? '', trace]),
  );
}

/** Docker says when, its types do not. */
const createdAt = (volume: object): Date => new Date((volume as { CreatedAt?: string }).CreatedAt ?? 0);

const OF_COMPOSE = 'com.docker.compose.service';

/**
 * Removes a session's containers with their anonymous volumes, the user's before the network's, and the session's own
 * volumes. The user's containers are those that tp made, or Compose: without the network that they joined, they are of no use.
 */
export async function removeSession(docker: Dockerode, session: string): Promise<void> {
  const all = await docker.listContainers({ all: true });
  const own = all.filter(({ Labels }) => Labels[SESSION] === session);
  const networks = new Set(own.map(({ Id }) => `container:${Id}`));
  const joined = all.filter(({ HostConfig: { NetworkMode }, Labels }) => {
    return networks.has(NetworkMode) && (Labels[SESSION] === session || OF_COMPOSE in Labels);
  });
  for (const { Id } of [...joined, ...own.filter((each) => !joined.includes(each))]) {
    await removeContainer(docker.getContainer(Id));
  }
  await removeVolumes(docker, session);
}

/** Whether a container has this name. */
export const containerExists = (docker: Dockerode, name: string): Promise<boolean> =>
  exists(docker.getContainer(name).inspect());
