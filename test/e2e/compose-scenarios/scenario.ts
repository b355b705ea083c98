/** A Compose project of a kind that people have, and what is to be true of it while it runs. */
export interface Scenario {
  /** Services that act as pods, with the URL by which the cluster then calls each. */
  pods: Readonly<Record<string, string>>;
  /** Who asks, whom, and what is in the answer. */
  asks: readonly [service: string, url: string, answer: RegExp][];
  /** What `http://thing1/` answers a pod, where that is not the cluster's Service. */
  thing1?: Readonly<Record<string, RegExp>>;
  /** Words of the command, where the services are not found by themselves. */
  args?: readonly string[];
  /** What the shell says. */
  env?: Readonly<Record<string, string>>;
  /** The file that is written, where it is not the one that Compose finds. */
  written?: string;
  /** What tp has to say. */
  says?: readonly RegExp[];
  /** What else is to be true. */
  check?(project: RunningProject): Promise<void>;
}

/** The project while it runs. */
export interface RunningProject {
  /** Where its files are. */
  directory: string;
  /** Runs a script with Node in a service's container; gives what it wrote. Throws when it fails. */
  node(service: string, script: string): Promise<string>;
  /** The services that have a running container. */
  running(): Promise<string[]>;
}

/** A script that fails unless two values are the same, for what only the container can see. */
export const same = (expression: string, value: unknown): string =>
  `import assert from 'node:assert'; import fs from 'node:fs'; assert.deepEqual(${expression}, ${JSON.stringify(value)});`;
