import type { FilesAnswer } from '../../src/tunnel/files.ts';
import type { TunnelFigures } from '../../src/tunnel/tunnel.ts';
import type { PodPort } from '../pod-port.ts';

/** What the CLI and the agent say to each other, as messages on the agent's stdin and stdout. Nothing is secret. */

/** What is reached beside the cluster, as single addresses: the Docker gateway, siblings, `--local-cidr`, `--local-name`. */
export interface LocalNetwork {
  /** Addresses or ranges. */
  addresses: string[];
  /** Names of Docker siblings and of `--local-name`, in lower case, with their addresses; with none it is no such name. */
  names: Record<string, string[]>;
}

export interface Configuration extends LocalNetwork {
  session: string;
  /** How long the connections of a cut link are kept (ms). */
  resumeLimitMs: number;
  /** The pod's addresses, one of each family that it has: the container gets them as its own. */
  podAddresses: string[];
  /** The pod's /etc/resolv.conf. */
  resolvConf: string;
  /** Addresses that the pod knows as the cluster's. They are not local, whatever has them on Docker's networks. */
  clusterAddresses: string[];
  /** Lines of its /etc/hosts that stand for `hostAliases`. */
  hostAliases: string[];
  /** Which port of the user's process answers for which port of the pod. */
  ports: { pod: number; process: number; protocol?: 'UDP' }[];
  /** Ports at 127.0.0.1 that lead to the pod's. */
  toPod: PodPort[];
  /** Ports of the user's process that the pod's sidecars have at 127.0.0.1, too. */
  fromPod: PodPort[];
}

/** How the agent's tunnel is. Bytes are those of its links; connections count one each. */
export interface AgentFigures extends Omit<TunnelFigures, 'roundTripMs'> {
  linked: boolean;
  /** Of the last heartbeat (ms). */
  roundTripMs?: number;
}

/** A mount of the pod, to be brought into the network container. */
export interface WantedMount {
  /** In the pod. */
  path: string;
  /** The directory in the network container; the copy is its entry `MOUNT_CONTENT`. */
  place: string;
  /** Whether its changes are brought, too: the kubelet makes them in one step. */
  follows: boolean;
  /** The uid that the pod only has for the proxy's sake. */
  madeUpUser?: number;
  /** Of a volume that is copied since somebody wants it: what it may hold. */
  maxBytes?: number;
}

/** What became of a mount. */
export interface BroughtMount extends Pick<FilesAnswer, 'shows' | 'left' | 'more'> {
  path: string;
  /** Why it could not be brought. */
  failure?: string;
}

export type AgentCommand =
  | ({ command: 'configure' } & Configuration)
  | ({ command: 'local' } & LocalNetwork)
  /** The process is about to be ended on purpose: connections wait from now on, open ones have `limitMs` to end. */
  | { command: 'pause'; limitMs: number }
  /** Another process has been started. */
  | { command: 'resume' }
  /** The pod is being replaced: the next link leads to another one, and the connections of this one may finish. */
  | { command: 'move' }
  /** The pod's mounts are to be brought. */
  | { command: 'mounts'; mounts: WantedMount[] }
  /** Asks how the tunnel is. */
  | { command: 'figures' };

export type AgentEvent =
  /** The agent listens for links. */
  | { event: 'started' }
  /** Routes, rules and DNS are in place. `features`: what is used of the kernel, in words for `tp status`. */
  | { event: 'configured'; features: string[] }
  /** Connections wait, and none is in the middle of something, or the limit is over. */
  | { event: 'paused' }
  /** A link is up, and the proxy has answered. `resumed`: the connections of before go on over it. */
  | { event: 'linked'; resumed: boolean }
  /** There is no link any more. `kept`: connections wait for another one. */
  | { event: 'unlinked'; reason: string; kept: boolean }
  /** So much of a volume has come. */
  | { event: 'copying'; path: string; bytes: number }
  /** The mounts are there, and changes follow from now on. */
  | { event: 'mounted'; mounts: BroughtMount[] }
  | { event: 'figures'; figures: AgentFigures }
  /** The ports that something in the namespace listens on, of TCP and of UDP, each time they change. */
  | { event: 'listening'; ports: number[]; udp: number[] }
  | { event: 'warning'; message: string };

/** The agent takes links here; in the container, or on the host through a bind mount of the directory. */
export const LINK_DIRECTORY = '/run/tp';
export const LINK_SOCKET = 'link.sock';

/** Volumes of the session in the network container: secrets are not to reach a disk. */
export const MOUNTS_DIRECTORY = { memory: '/run/tp-mounts/memory', disk: '/run/tp-mounts/disk' } as const;

/** A mount's copy in its place: a directory, or a single file. */
export const MOUNT_CONTENT = 'content';

/** The agent's listener for redirected connections, on loopback; outside the range that clients draw ports from. */
export const REDIRECT_PORT = 63_579;

/** A part of the kernel that a session needs, as `tp doctor` found it. */
export interface Feature {
  name: string;
  /** Why it cannot be used; undefined where it can. */
  failure?: string;
  /** What a session is like without it; undefined for a part that it cannot do without. */
  without?: string;
}
