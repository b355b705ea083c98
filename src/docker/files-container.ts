import type Dockerode from 'dockerode';
import { createContainer } from './create-container.ts';
import { removeContainer } from './user-container.ts';

/** The container that others take the pod's files from, with `--volumes-from` or Compose's `volumes_from`. */
export const filesContainerName = (name: string): string => `${name}-files`;

export interface FilesContainerOptions {
  docker: Dockerode;
  /** The network container, which is named so. */
  network: Dockerode.Container;
  name: string;
  labels: Record<string, string>;
  mounted: Dockerode.MountSettings[];
  cleanup: AsyncDisposableStack;
}

/** Makes the container, which never runs. It is removed by `cleanup`. Throws what the Docker API throws. */
export async function makeFilesContainer(options: FilesContainerOptions): Promise<void> {
  const { docker, network, name, labels, mounted, cleanup } = options;
  const { Image } = await network.inspect();
  const container = await createContainer(docker, {
    name: filesContainerName(name),
    Image,
    Cmd: ['true'],
    Labels: labels,
    HostConfig: { NetworkMode: 'none', Mounts: mounted },
  });
  cleanup.defer(() => removeContainer(container));
}
