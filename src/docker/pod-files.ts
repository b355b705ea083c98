import type Dockerode from 'dockerode';
import { MOUNT_CONTENT, MOUNTS_DIRECTORY, type WantedMount } from '../../images/network/messages.ts';
import { TpError } from '../errors.ts';
import type { SessionPlan } from '../plan.ts';
import type { PodMount } from '../pod-mount.ts';
import type { Progress, Step } from '../progress.ts';
import { bytesText } from '../tunnel/files.ts';
import type { Draft } from './draft.ts';
import type { Network } from './network.ts';
import { placeTaken } from './own-mounts.ts';
import { type VolumeKind, volumeNames, volumePlaces } from './session-volumes.ts';

export type { MountSettings } from 'dockerode';

export interface PodFilesOptions {
  docker: Dockerode;
  network: Network;
  draft: Draft;
  plan: SessionPlan;
  mounts: readonly PodMount[];
  progress: Progress;
  step: Pick<Step, 'passing'>;
}

/**
 * Brings the pod's mounts, but for those in whose place the user has something, and gives them as the user's container is to
 * have them. Throws TpError for one that cannot be brought.
 */
export async function podFiles(options: PodFilesOptions): Promise<Dockerode.MountSettings[]> {
  const { docker, network, draft, plan, mounts, progress, step } = options;
  const { session, madeUpUser } = plan;
  const wanted = mounts.filter(({ path }) => {
    const taken = placeTaken(draft, path);
    if (typeof taken === 'object')
      progress.warn(`${path} of the pod is left out: Docker would make ${taken.missing} for it`);
    return taken === undefined;
  });
  if (wanted.length === 0) return [];
  const places = wanted.map((mount, index) => {
    const kind: VolumeKind = mount.inMemory ? 'memory' : 'disk';
    // What is written at one path of a copied volume is seen at its other ones.
    const first = mount.copy ? wanted.findIndex(({ copy }) => copy?.of === mount.copy?.of) : index;
    return { mount, kind, name: `${first}`, first: first === index };
  });
  const [onHost, brought] = await Promise.all([
    volumePlaces(docker, volumeNames(session)),
    network.agent.bring(
      places
        .filter(({ first }) => first)
        .map(({ mount: { path, follows, copy }, kind, name }): WantedMount => {
          const place = `${MOUNTS_DIRECTORY[kind]}/${name}`;
          return {
            path,
            follows,
            place,
            ...(madeUpUser !== undefined && { madeUpUser }),
            ...(copy && { maxBytes: copy.maxBytes }),
          };
        }),
      (path, bytes) => step.passing(`${path}: ${bytesText(bytes)}`),
    ),
  ]);
  const byName = new Map(
    places.filter(({ first }) => first).map(({ name }, index) => [name, brought[index]]),
  );
  return places.flatMap(({ mount: { path, volume, readOnly, copy }, kind, name, first }) => {
    const { shows = 'nothing', left = [], more = 0, failure } = byName.get(name) ?? {};
    if (failure !== undefined) {
      throw new TpError('TP_MOUNT', `${path}, volume ${volume} of the pod: ${failure}`, {
        hint: `${copy ? `--volume-copy ${volume}=SIZE for a larger one\n` : ''}-v SOMETHING:${path} to mount your own there`,
      });
    }
    if (first) {
      for (const each of left) progress.warn(`${path}/${each} is for others to read: it stays in the pod`);
      if (more > 0) progress.warn(`${more} more in ${path} are for others to read`);
    }
    if (shows === 'nothing') return [];
    const Source = `${onHost[kind]}/${name}/${MOUNT_CONTENT}`;
    return [{ Type: 'bind' as const, Source, Target: path, ReadOnly: readOnly }];
  });
}
