import { readFileSync } from 'node:fs';

/** What the CLI puts beside the guardian's bundle. Nothing in it is secret. */
export interface GuardianConfig {
  /** The lease that the session renews. */
  lease: string;
  /** What to scale back when it does not, by its resource's name: `deployments` or `statefulsets`. */
  resource: string;
  name: string;
  replicas: number;
}

/** Where the ConfigMap is mounted in the guardian's pod. */
export const GUARDIAN_DIRECTORY = '/tp-guardian';
export const GUARDIAN_BUNDLE = 'guardian.mjs';
export const GUARDIAN_CONFIG = 'config.json';

/** The readiness probe asks here: whether the guardian could do what it is there for. */
export const GUARDIAN_HEALTH_PORT = 47_469;

/** Reads the configuration beside the running bundle. Throws what reading and parsing a file throws. */
export function readGuardianConfig(directory: string): GuardianConfig {
  return JSON.parse(readFileSync(`${directory}/${GUARDIAN_CONFIG}`, 'utf8')) as GuardianConfig;
}
