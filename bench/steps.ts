import type { Unit } from './figures.ts';
import type { Measurement } from './task.ts';

/** What is measured on every way, as data. */

/** How much of everything: bulk in bytes, small requests in ms. */
export interface Size {
  rounds: number;
  bytes: number;
  ms: number;
}

type Title = readonly [title: string, unit: Unit];

export interface Step {
  what: string;
  /** All of the task but where it goes to. */
  task: (size: Size, seed: number) => Measurement;
  /** Which row each of the client's results is for. */
  rows: Readonly<Record<string, Title>>;
  /** A row for the ratio of two others, of the same round and way. */
  ratio?: { title: string; of: string; to: string };
}

const bulk = (task: 'download' | 'upload'): Step => ({
  what: `one ${task}`,
  task: ({ bytes }, seed) => ({ task, bytes, seed }),
  rows: { mibPerSecond: [`one ${task}`, 'MiB/s'] },
});

const CONNECTIONS = [
  { kept: false, name: 'GET, new connection' },
  { kept: true, name: 'GET, kept connection' },
];
type Connection = (typeof CONNECTIONS)[number];

const quiet = ({ kept, name }: Connection): Step => ({
  what: name,
  task: ({ ms }, seed) => ({ task: 'latency', ms, kept, loaded: false, seed }),
  rows: { p50: [`${name}, p50`, 'ms'], p99: [`${name}, p99`, 'ms'] },
});

const loaded = ({ kept, name }: Connection): Step => {
  const beside = `beside a bulk download: ${name}`;
  return {
    what: beside,
    task: ({ ms }, seed) => ({ task: 'latency', ms, kept, loaded: true, seed }),
    rows: {
      p50: [`${beside}, p50`, 'ms'],
      p99: [`${beside}, p99`, 'ms'],
      loadMibPerSecond: [`${beside}, that download`, 'MiB/s'],
    },
    ratio: { title: `${beside}, p99 to without`, of: `${beside}, p99`, to: `${name}, p99` },
  };
};

export const STEPS: readonly Step[] = [
  bulk('download'),
  bulk('upload'),
  ...CONNECTIONS.map(quiet),
  ...CONNECTIONS.map(loaded),
];
