import type Dockerode from 'dockerode';
import type { MOUNTS_DIRECTORY } from '../../images/network/messages.ts';
import { SESSION } from '../labels.ts';
import { exists } from './exists.ts';

/** What the files in memory may take, all together (bytes): as much as four mounts at their bound. */
const MEMORY_BYTES = 256 * 1024 * 1024;

/** The volumes that hold the pod's files: one that is never on a disk, for what the pod too has in memory, and one that is. */
export type VolumeKind = keyof typeof MOUNTS_DIRECTORY;

const OPTIONS: Readonly<Record<VolumeKind, Record<string, string>>> = {
  memory: { type: 'tmpfs', device: 'tmpfs', o: `size=${MEMORY_BYTES},mode=0700` },
  disk: {},
};

export const VOLUME_KINDS = Object.keys(OPTIONS) as VolumeKind[];

export type SessionVolumes = Readonly<Record<VolumeKind, string>>;

export const volumeNames = (session: string): SessionVolumes => ({
  memory: `tp-${session}-memory`,
  disk: `tp-${session}-disk`,
});

/** Creates the volumes. Throws what the Docker API throws. */
export async function createVolumes(
  docker: Dockerode,
  volumes: SessionVolumes,
  labels: Record<string, string>,
): Promise<void> {
  await Promise.all(
    VOLUME_KINDS.map((kind) =>
      docker.createVolume({
        Name: volumes[kind],
        Driver: 'local',
        DriverOpts: OPTIONS[kind],
        Labels: labels,
      }),
    ),
  );
}

/** Where the volumes are on Docker's machine. */
export async function volumePlaces(docker: Dockerode, volumes: SessionVolumes): Promise<SessionVolumes> {
  const [memory, disk] = await Promise.all(
    [volumes.memory, volumes.disk].map(async (name) => (await docker.getVolume(name).inspect()).Mountpoint),
  );
  return { memory: memory ?? '', disk: disk ?? '' };
}

/** The volumes of a session, or of all. */
export async function listVolumes(
  docker: Dockerode,
  session?: string,
): Promise<Dockerode.VolumeInspectInfo[]> {
  const label = session === undefined ? SESSION : `${SESSION}=${session}`;
  // Docker answers null where there is none.
  return (await docker.listVolumes({ filters: { label: [label] } })).Volumes ?? [];
}

/** Removes a session's volumes; no container may use them any more. Throws what the Docker API throws. */
export async function removeVolumes(docker: Dockerode, session: string): Promise<void> {
  for (const { Name } of await listVolumes(docker, session)) await exists(docker.getVolume(Name).remove());
}
