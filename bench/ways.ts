/** The ways of reaching a server, which are the columns. */
export const WAYS = {
  pod: 'a pod in the cluster',
  raw: 'one raw stream',
  kubectl: 'kubectl port-forward',
  peer: 'the peer',
  out: 'tp: laptop → pod',
  in: 'tp: pod → laptop',
} as const;
export type Way = keyof typeof WAYS;
export const ALL_WAYS = Object.keys(WAYS) as Way[];

/** The ways that begin at the laptop, and so go over its link: a pod's own is the same on all. */
export const LAPTOP_WAYS = ['raw', 'kubectl', 'peer', 'out', 'in'] as const satisfies readonly Way[];

/** Round trips (ms) that are added between the laptop and the API server; 0 is the link as it is. */
export const LINKS = [0, 20, 80] as const;
export type Link = (typeof LINKS)[number];

export const linkName = (link: Link): string => (link === 0 ? 'as it is' : `${link} ms added`);
