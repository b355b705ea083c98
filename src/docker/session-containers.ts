import type Dockerode from 'dockerode';
import { SESSION } from '../labels.ts';
import { exists } from './exists.ts';
import { removeContainer } from './user-container.ts';

/** Sessions that have containers here, with the labels of one of them. */
export async function sessionContainers(docker: Dockerode): Promise<Map<string, Record<string, string>>> {
  const containers = await docker.listContainers({ all: true, filters: { label: [SESSION] } });
  return new Map(containers.map(({ Labels }) => [Labels[SESSION] ?? '', Labels]));
}

/** Removes a session's containers with their anonymous volumes, the user's before the network's. */
export async function removeSession(docker: Dockerode, session: string): Promise<void> {
  const containers = await docker.listContainers({
    all: true,
    filters: { label: [`${SESSION}=${session}`] },
  });
  const joined = containers.filter(({ HostConfig }) => HostConfig.NetworkMode.startsWith('container:'));
  for (const { Id } of [...joined, ...containers.filter((each) => !joined.includes(each))]) {
    await removeContainer(docker.getContainer(Id));
  }
}

/** Whether a container has this name. */
export const containerExists = (docker: Dockerode, name: string): Promise<boolean> =>
  exists(docker.getContainer(name).inspect());
