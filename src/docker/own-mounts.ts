import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import type { Draft } from './draft.ts';

/** A mount that the user asked for. */
interface OwnMount {
  path: string;
  /** The host's directory or file; undefined for a volume or a tmpfs. */
  source: string | undefined;
}

/** `-v`, `--mount` and `--tmpfs` of a `docker run` line; not the volumes that only the image asks for. */
function ownMounts({ inspect, imageVolumes }: Draft): OwnMount[] {
  const { HostConfig, Config } = inspect;
  const bound = (HostConfig.Binds ?? []).map((bind) => {
    const [source = '', path = ''] = bind.split(':');
    return { path, source: source.startsWith('/') ? source : undefined };
  });
  const mounts = (HostConfig.Mounts ?? []).map(({ Target, Source, Type }) => ({
    path: Target,
    source: Type === 'bind' ? Source : undefined,
  }));
  const others = [
    ...Object.keys((HostConfig.Tmpfs as Record<string, string> | undefined) ?? {}),
    ...Object.keys(Config.Volumes ?? {}).filter((path) => !imageVolumes.includes(path)),
  ];
  return [...bound, ...mounts, ...others.map((path) => ({ path, source: undefined }))].map((mount) => ({
    ...mount,
    path: posix.normalize(mount.path).replace(/(.)\/$/, '$1'),
  }));
}

/**
 * Why a mount of the pod at `path` has no place in the container: the user's own is there, or Docker would have to make a
 * directory on the host for it, in what the user mounts above. Undefined where it has one.
 */
export function placeTaken(draft: Draft, path: string): 'own' | { missing: string } | undefined {
  const own = ownMounts(draft);
  if (own.some((mount) => mount.path === path)) return 'own';
  const above = own
    .filter((mount) => path.startsWith(mount.path === '/' ? '/' : `${mount.path}/`))
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (above?.source === undefined) return undefined;
  const missing = posix.join(above.source, posix.relative(above.path, path));
  return existsSync(missing) ? undefined : { missing };
}
