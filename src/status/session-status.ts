import type { LoggedLink } from '../../images/proxy/link-log.ts';
import type { LoopbackPorts } from '../loopback-ports.ts';

/** What `tp status` says of a session: the schema of `-o json` is in schema.ts, and the two say the same. */
export interface SessionStatus {
  session: string;
  process: ProcessState;
  owner?: { user: string; host: string };
  /** ISO 8601. */
  since?: string;
  workload?: string;
  context: string;
  namespace: string;
  /** The name under which others join it. */
  held?: string;
  services: ServiceStatus[];
  ports: PortStatus[];
  /** Only the session itself knows them. */
  loopback?: LoopbackPorts;
  link: LinkStatus;
  proxy?: { pod: string; ready: boolean };
  features: string[];
}

export type ProcessState =
  /** Has answered. */
  | 'running'
  /** Lives, and does not answer: it is stopped, hangs, or is another user's. */
  | 'silent'
  /** Is another machine's. */
  | 'elsewhere'
  /** Is gone. */
  | 'ended'
  /** Nothing says whose it is. */
  | 'unknown';

export interface ServiceStatus {
  name: string;
  ports: { port: number; pod: number | string; protocol?: 'UDP' }[];
  /** Whether it leads to the session now; left out where the cluster could not be asked. */
  switched?: boolean;
}

/** Which port of the process answers for which of the pod; only the session itself knows the first. */
export interface PortStatus {
  pod: number;
  process?: number;
  /** Left out for TCP. */
  protocol?: 'UDP';
}

/** All but the state only where somebody knows it: the session itself, and of `since` the proxy's log. */
export interface LinkStatus {
  state: LoggedLink | 'unknown';
  since?: string;
  roundTripMs?: number;
  sentBytes?: number;
  receivedBytes?: number;
  /** Links after the first. */
  reconnects?: number;
  streams?: number;
}

/** What a session's process says of itself. */
export interface LiveReport
  extends Pick<SessionStatus, 'services' | 'ports' | 'loopback' | 'link' | 'features'> {
  /** As on its containers. */
  labels: Record<string, string>;
  since: string;
  workload?: string;
}
