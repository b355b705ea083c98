import type { V1Container, V1PodSpec, V1Volume } from '@kubernetes/client-node';
import type { PodMount, PodUser } from '../pod-mount.ts';
import { plainPath, type VolumeCopy } from './volume-copies.ts';

/**
 * What is mounted into the container of a pod, as its spec says: with what admission added, such as a service account's
 * token, but without the `left` volumes. `copies` are those that are mounted to be copied.
 */
export function podMounts(
  spec: V1PodSpec | undefined,
  container: string,
  left: readonly string[],
  copies: readonly VolumeCopy[] = [],
): PodMount[] {
  const volumes = new Map((spec?.volumes ?? []).map((volume) => [volume.name, volume]));
  const mounts = spec?.containers.find(({ name }) => name === container)?.volumeMounts ?? [];
  return mounts.flatMap(({ name, mountPath, subPath, subPathExpr, readOnly }) => {
    const volume = volumes.get(name);
    const copy = copies.find(({ as }) => as === name);
    if (!volume || (left.includes(name) && !copy)) return [];
    const path = plainPath(mountPath);
    if (copy) {
      return {
        path,
        volume: copy.volume,
        readOnly: !copy.writable.includes(path),
        follows: false,
        inMemory: false,
        copy: { of: JSON.stringify([name, subPath, subPathExpr]), maxBytes: copy.maxBytes },
      };
    }
    const projected = isProjected(volume);
    return {
      path,
      volume: name,
      // The kubelet mounts what it writes itself only for reading, whatever the mount says.
      readOnly: readOnly === true || projected,
      follows: projected && !subPath && !subPathExpr, // the kubelet leaves a subPath as it was
      inMemory: projected || volume.emptyDir?.medium === 'Memory',
    };
  });
}

/**
 * Who the container's process is, as `docker run --user` and `--group-add` say it; undefined where the image decides. Files
 * of the pod are for that user, or for its groups.
 */
export function podUser(spec: V1PodSpec | undefined, container: V1Container): PodUser {
  const {
    runAsUser,
    runAsGroup,
    fsGroup,
    supplementalGroups = [],
  } = { ...spec?.securityContext, ...container.securityContext };
  const groups = [...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])];
  const user =
    runAsUser === undefined ? undefined : `${runAsUser}${runAsGroup === undefined ? '' : `:${runAsGroup}`}`;
  return { user, groups: groups.map(String) };
}

const isProjected = ({ configMap, secret, projected, downwardAPI }: V1Volume): boolean =>
  (configMap ?? secret ?? projected ?? downwardAPI) !== undefined;
