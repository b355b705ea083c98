/** What the client is asked and what it answers: JSON between the bench and wherever the client runs. */

interface Target {
  /** The server's `http://host[:port]`. */
  base: string;
}

export interface BulkTask extends Target {
  task: 'download' | 'upload';
  bytes: number;
  /** What the bytes depend on. */
  seed: number;
  mark?: string;
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
  mark?: string;
}

export interface WatchTask extends Target {
  task: 'watch';
  mark: string;
  /** The longest that it waits (ms). */
  ms: number;
}

/** `mark` is something in the environment of the server that must answer. */
export type Task = BulkTask | LatencyTask | WatchTask;

/** A task that is not yet told where to go to. */
export type Measurement = Omit<BulkTask, 'base' | 'mark'> | Omit<LatencyTask, 'base' | 'mark'>;

export interface BulkResult {
  mibPerSecond: number;
}

export interface LatencyResult {
  requests: number;
  /** ms. */
  p50: number;
  p99: number;
  loadMibPerSecond?: number;
}

/** What a caller in the cluster saw while a Service was taken over. */
export interface WatchResult {
  asked: number;
  failures: string[];
  /** From the first answer with the mark to the last one without (ms). */
  mixedMs: number;
}
