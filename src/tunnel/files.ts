/** A mount of the pod, as it comes through a `files` stream: a tar archive whose first entry holds a FilesAnswer as JSON. */

/** What a mount may hold: it is copied, and a laptop's disk is not the cluster's. */
export const MAX_MOUNT_BYTES = 64 * 1024 * 1024;

/** Files, directories and links of a mount: each costs its side some hundred bytes while it is copied. */
export const MAX_MOUNT_ENTRIES = 10_000;

/** The first entry of the archive. */
export interface FilesAnswer {
  /** Which of its versions the kubelet shows; the empty string for a volume without. */
  version: string;
  /** What is mounted: only one file with `subPath`, nothing where the pod's user may not read it. */
  shows: 'directory' | 'file' | 'nothing';
  /** What is left out, since only others may read it. */
  left: string[];
  /** How many more are; only of a copied volume, which may hold any number. */
  more?: number;
}

/** Files, directories and links of a copied volume: an hour's work, and as many inodes as a laptop can spare. */
export const MAX_COPY_ENTRIES = 1_000_000;

/** So many names of a copied volume are given that only others may read. */
export const MAX_COPY_LEFT = 10;

/** An amount of bytes, for a person. */
export function bytesText(bytes: number): string {
  const power = Math.min(3, Math.max(0, Math.floor(Math.log2(bytes) / 10)));
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${['bytes', 'KiB', 'MiB', 'GiB'][power]}`;
}
