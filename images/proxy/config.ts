import { readFileSync } from 'node:fs';
import type { PodPort } from '../pod-port.ts';

/** What the CLI puts beside the bundle in the ConfigMap. Nothing in it is secret. */
export interface ProxyConfig {
  session: string;
  /** Hex SHA-256 of the session's token. */
  tokenSha256: string;
  /** The tunnel listens here, on the pod's loopback only. */
  tunnelPort: number;
  /** The readiness probe asks here, on the pod's address. */
  healthPort: number;
  /** The pod's TCP ports that the proxy listens on. */
  ports: number[];
  /** Its UDP ports. */
  udp: number[];
  /** Ports that it listens on at the pod's loopback only: sidecars call the user's process there. */
  fromPod: PodPort[];
  /** The headless Service that finds the original pods; undefined where there is nothing to fall back to. */
  fallback?: { service: string; namespace: string };
  /** How long a connection waits for a process that has listened before and restarts (ms). */
  waitReadyMs: number;
  /** How long the connections of a cut link are kept (ms). */
  resumeLimitMs: number;
  /** The target's `env` in its order: those of `expand` hold `$(NAME)` references, still to be resolved. */
  environment: { name: string; expand: boolean }[];
}

/** Where the ConfigMap is mounted in the pod. */
export const PROXY_DIRECTORY = '/tp-proxy';
export const PROXY_BUNDLE = 'proxy.mjs';
export const PROXY_CONFIG = 'config.json';

/** What stands before the names of the target's variables in the proxy's container: those of `env`, and of `envFrom`. */
export const ENVIRONMENT_PREFIX = 'TPENV_';
export const SOURCES_PREFIX = 'TPFROM_';

/** The variable with the pod's own addresses, one of each family, with commas between. */
export const POD_ADDRESSES_VARIABLE = 'TP_POD_IPS';

/** Reads the configuration beside the running bundle. Throws what reading and parsing a file throws. */
export function readConfig(directory: string): ProxyConfig {
  return JSON.parse(readFileSync(`${directory}/${PROXY_CONFIG}`, 'utf8')) as ProxyConfig;
}
