/** What the CLI asks the proxy, and what the proxy tells it: messages on `call` and `events` streams. */

/** Where a session stands, as the CLI tells the proxy. */
export type Phase =
  /** The user's process runs or will run: connections wait for it while it restarts. */
  | 'running'
  /** The user's process has ended: connections go to the original pods at once. */
  | 'ended'
  /** The Services are given back: the pod ends as soon as its connections do. */
  | 'leaving';

export type Call =
  | { call: 'describe' }
  /** Dials the original pods once on each port; where only UDP ports are asked for, looks whether there are any. */
  | { call: 'probe'; ports: number[]; udp?: number[] }
  /** A Service leads to these ports of the pod too, from now on. */
  | { call: 'serve'; ports: number[]; udp?: number[] }
  | { call: 'phase'; phase: Phase };

/** The pod as the user's container shall see it. */
export interface PodView {
  environment: Record<string, string>;
  hostname: string;
  addresses: string[];
  resolvConf: string;
  /** Lines of its /etc/hosts that stand for `hostAliases`. */
  hostAliases: string[];
}

/** For each port, undefined where an original pod accepted, else why not. */
export type ProbeResult = { port: number; protocol?: 'UDP'; failure?: string }[];

/** The proxy's answer: a result, or why there is none. */
export type Answer<T> = { result: T } | { error: string };

export type ProxyEvent =
  /** A connection from the cluster was answered by the laptop: told for the first of a session. */
  | { event: 'answered'; port: number; peer: string }
  /** This pod was told to end: another one takes its place, and should be connected to. */
  | { event: 'ending' }
  /** It is idle, and its process exits in this moment: its node tells that a little later. */
  | { event: 'departed' }
  /** Something that a person should know, in one line. */
  | { event: 'warning'; message: string };
