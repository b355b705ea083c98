/** What is said on a raw stream: a line of JSON, and then the bytes of the one or the other. */

export interface RawTask {
  /** Who sends the bytes. */
  sender: 'pod' | 'laptop';
  bytes: number;
  seed: number;
}

/** Its port on the pod's loopback, which is where a port-forward leads to. */
export const RAW_PORT = 7070;

/** The longest that a transfer may take (ms). */
export const RAW_LIMIT_MS = 120_000;
