/** A mount of the container in whose place the proxy runs. */
export interface PodMount {
  path: string;
  /** The volume's name in the pod. */
  volume: string;
  readOnly: boolean;
  /** Whether its changes are made in one step by the kubelet, and can be followed. */
  follows: boolean;
  /** Whether its files are kept from the disk in the pod, too. */
  inMemory: boolean;
  /** Of a volume that is copied since somebody wants it: mounts of the same content share it. */
  copy?: { of: string; maxBytes: number };
}

/** Who a container's process is in the pod, as Docker's flags say it. */
export interface PodUser {
  /** UID[:GID]; undefined where the image decides. */
  user: string | undefined;
  groups: string[];
}
