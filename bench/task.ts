/** What the client is asked and what it answers: JSON between the bench and wherever the client runs. */

interface Target {
  /** The server's `http://host[:port]`. */
  base: string;
  /** Something in the environment of the server that must answer. */
  mark?: string;
}

export interface BulkTask extends Target {
  task: 'download' | 'upload';
  /** Of all streams together. */
  bytes: number;
  streams: number;
  /** What the bytes depend on. */
  seed: number;
}

export interface LatencyTask extends Target {
  task: 'latency';
  /** For how long (ms). */
  ms: number;
  /** All on one connection, or each on its own. */
  kept: boolean;
  /** Beside a bulk download on a connection of its own. */
  loaded: boolean;
  seed: number;
}

export interface RateTask extends Target {
  task: 'rate';
  ms: number;
  connections: number;
}

export interface LookupTask extends Target {
  task: 'lookup';
  ms: number;
  name: string;
}

export interface WatchTask extends Target {
  task: 'watch';
  mark: string;
  /** The longest that it waits (ms). */
  ms: number;
}

export type Task = BulkTask | LatencyTask | RateTask | LookupTask | WatchTask;

/** A task that is not yet told where to go to. */
export type Measurement = WithoutTarget<Exclude<Task, WatchTask>>;
type WithoutTarget<T> = T extends Target ? Omit<T, 'base' | 'mark'> : never;

export interface BulkResult {
  mibPerSecond: number;
  /** The sums of what was sent and of what arrived. */
  sent: string;
  received: string;
}

export interface LatencyResult {
  requests: number;
  /** ms. */
  p50: number;
  p99: number;
  loadMibPerSecond?: number;
}

export interface RateResult {
  /** All of them, those of the warm-up too. */
  answered: number;
  perSecond: number;
}

/** What a caller in the cluster saw while a Service was taken over. */
export interface WatchResult {
  asked: number;
  failures: string[];
  /** From the first answer with the mark to the last one without (ms). */
  mixedMs: number;
}
