import type { V1Affinity, V1Volume } from '@kubernetes/client-node';
import { TpError } from '../errors.ts';
import { bytesText } from '../tunnel/files.ts';
import { amountOf } from './quantity.ts';
import type { Target } from './workload.ts';

/** What a copied volume may hold where no size is given: minutes of a slow link, and no surprise on a laptop's disk. */
const DEFAULT_COPY_BYTES = 1024 ** 3;

/** A volume of the pod whose content is copied to the laptop at the start. */
export interface VolumeCopy {
  /** Its name in the workload. */
  volume: string;
  maxBytes: number;
  /** Its name in the proxy's pod, whose other containers keep an empty one under the workload's name. */
  as: string;
  /** What the proxy's pod mounts; undefined where it has the volume anyway. */
  source: V1Volume | undefined;
  /** The mounts' paths that the pod may write to. */
  writable: string[];
}

/** NAME or NAME=SIZE of `--volume-copy`; undefined for what is neither. */
export function parseVolumeCopy(text: string): { name: string; maxBytes: number } | undefined {
  const [, name, size] = /^([^=]+)(?:=(.*))?$/s.exec(text) ?? [];
  const maxBytes = size === undefined ? DEFAULT_COPY_BYTES : Math.floor(amountOf(size));
  return name !== undefined && Number.isSafeInteger(maxBytes) && maxBytes > 0
    ? { name, maxBytes }
    : undefined;
}

/** The volumes that `--volume-copy` names. Throws TpError for one that cannot be copied, or need not be. */
export function volumeCopies(target: Target, wanted: readonly string[]): VolumeCopy[] {
  const parsed = wanted.map((text) => {
    const copy = parseVolumeCopy(text);
    if (copy) return copy;
    throw new TpError(
      'TP_VOLUME_COPY',
      `--volume-copy ${text}: it is NAME or NAME=SIZE, such as data=500Mi`,
      {
        hint: hintOf(target),
      },
    );
  });
  const byName = new Map(parsed.map(({ name, maxBytes }) => [name, maxBytes])); // the last one counts
  return [...byName].map(([name, maxBytes], index) => copyOf(target, name, maxBytes, `tp-copy-${index}`));
}

function copyOf(target: Target, name: string, maxBytes: number, as: string): VolumeCopy {
  const { workload, container } = target;
  const claimed = workload.claims.includes(name);
  const volume = (workload.template.spec?.volumes ?? []).find((each) => each.name === name);
  const refused = (why: string) =>
    new TpError('TP_VOLUME_COPY', `--volume-copy ${name}: ${why}`, { hint: hintOf(target) });
  if (!claimed && !volume) throw refused('the pod has no such volume');
  if (!claimed && volume && !staysBehind(volume)) throw refused('this volume is brought without it');
  const mounts = (container.volumeMounts ?? []).filter((mount) => mount.name === name);
  if (mounts.length === 0) throw refused(`container ${container.name} does not mount it`);
  const writable = mounts.filter(({ readOnly }) => !readOnly).map(({ mountPath }) => plainPath(mountPath));
  const copy = { volume: name, maxBytes, writable };
  if (claimed) {
    const claimName = claimOfFirst(name, workload.name);
    return { ...copy, as, source: { name: as, persistentVolumeClaim: { claimName, readOnly: true } } };
  }
  // An ephemeral volume is made for each pod anew: the proxy's pod has one to itself.
  return volume?.ephemeral
    ? { ...copy, as: name, source: undefined }
    : { ...copy, as, source: { ...onlyRead(volume), name: as } };
}

/** A claim is mounted for reading as a whole: else a kubelet gives its files to the pod's fsGroup. */
const onlyRead = (volume: V1Volume | undefined): Omit<V1Volume, 'name'> | undefined =>
  volume?.persistentVolumeClaim
    ? { ...volume, persistentVolumeClaim: { ...volume.persistentVolumeClaim, readOnly: true } }
    : volume;

/** The claim that a StatefulSet makes for its first replica. */
const claimOfFirst = (template: string, workload: string): string => `${template}-${workload}-0`;

function hintOf({ workload, container }: Target): string {
  const candidates = [
    ...(workload.template.spec?.volumes ?? []).filter(staysBehind).map(({ name }) => name),
    ...workload.claims,
  ].filter((name) => container.volumeMounts?.some((mount) => mount.name === name));
  const flags = [...new Set(candidates)].map((name) => `--volume-copy ${name}`);
  return flags.join('\n') || 'leave it out: the container mounts no volume that stays behind';
}

/** Volumes that only one pod or one node can have. */
export const staysBehind = (volume: V1Volume): boolean =>
  volume.persistentVolumeClaim !== undefined ||
  volume.hostPath !== undefined ||
  volume.ephemeral !== undefined;

/** A mount's path without the slash that some write at its end. */
export const plainPath = (path: string): string => path.replace(/(.)\/+$/, '$1');

/** What a person is told of a copy before it begins. */
export function copyNote({ volume, maxBytes, source }: VolumeCopy, { workload }: Target): string {
  const claim = workload.claims.includes(volume) ? source?.persistentVolumeClaim?.claimName : undefined;
  const whose = claim ? `, from replica 0's claim ${claim}` : '';
  return `volume ${volume} is copied once at the start${whose}: at most ${bytesText(maxBytes)}; --volume-copy ${volume}=SIZE for another bound`;
}

/** On the node of the workload's own pods, where there is one: its volumes are there, and many can be mounted on one node only. */
export function besideOriginals(own: V1Affinity | undefined, { workload }: Target): V1Affinity {
  const preferred = own?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const first =
    workload.claims.length > 0
      ? { matchLabels: { 'statefulset.kubernetes.io/pod-name': `${workload.name}-0` } }
      : workload.selector;
  const podAffinityTerm = { labelSelector: first, topologyKey: 'kubernetes.io/hostname' };
  return {
    ...own,
    podAffinity: {
      ...own?.podAffinity,
      preferredDuringSchedulingIgnoredDuringExecution: [...preferred, { weight: 100, podAffinityTerm }],
    },
  };
}
