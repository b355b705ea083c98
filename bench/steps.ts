import type { RowKind, Unit } from './figures.ts';
import type { Measurement } from './task.ts';
import type { Link, Way } from './ways.ts';

/** What the client measures on which ways and links, as data. */

/** How much of everything: bulk in bytes, small requests in ms. */
export interface Size {
  rounds: number;
  bytes: number;
  ms: number;
}

/** Which way the bytes go: a caller in the cluster uploads what a caller on the laptop downloads. */
export type Direction = 'to' | 'from';

export interface Step {
  /** Short and stable: what `--only` names. Rows begin with it. */
  id: string;
  what: string;
  ways: readonly Way[];
  links: readonly Link[];
  /** All of the task but where it goes to. */
  task: (size: Size, seed: number, way: Way) => Measurement;
  /** Which row each of the client's results is for. */
  rows: Readonly<Record<string, RowKind>>;
  /** A raw stream carries it in this direction, too. */
  raw?: Direction;
  /** What CPU time is told by: bytes, or the number of requests. */
  cost?: 'bytes' | 'requests';
}

const ALL_LINKS: readonly Link[] = [0, 20, 80];
const SERVED: readonly Way[] = ['pod', 'kubectl', 'peer', 'out', 'in'];

const row = (id: string, title: string, unit: Unit): RowKind => ({ id, title, unit });

const DIRECTIONS = { to: 'to the laptop', from: 'from the laptop' } as const;

function bulk(direction: Direction, streams: number): Step {
  const id = `bulk.${direction}.${streams}`;
  const what = `bulk ${DIRECTIONS[direction]}, ${streams === 1 ? 'one stream' : `${streams} streams`}`;
  const single = streams === 1;
  return {
    id,
    what,
    ways: single ? [...SERVED, 'raw'] : SERVED,
    links: single ? ALL_LINKS : [0],
    task: ({ bytes }, seed, way) => {
      const down = (direction === 'to') === (way !== 'in');
      return { task: down ? 'download' : 'upload', bytes, streams, seed };
    },
    rows: { mibPerSecond: row(id, what, 'MiB/s') },
    ...(single ? { raw: direction, cost: 'bytes' } : {}),
  };
}

const CONNECTIONS = { new: 'new connection', kept: 'kept connection' } as const;
type Connection = keyof typeof CONNECTIONS;

function request(connection: Connection): Step {
  const id = `get.${connection}`;
  const what = `GET, ${CONNECTIONS[connection]}`;
  return {
    id,
    what,
    ways: SERVED,
    links: ALL_LINKS,
    task: ({ ms }, seed) => ({ task: 'latency', ms, kept: connection === 'kept', loaded: false, seed }),
    rows: { p50: row(`${id}.p50`, `${what}, p50`, 'ms'), p99: row(`${id}.p99`, `${what}, p99`, 'ms') },
  };
}

/** Beside bulk so much less is answered in a time that the p99 would be the slowest of a few dozen. */
const BESIDE_TIMES = 3;

function beside(connection: Connection): Step {
  const id = `beside.${connection}`;
  const what = `beside a bulk download: GET, ${CONNECTIONS[connection]}`;
  return {
    id,
    what,
    ways: SERVED,
    links: [0],
    task: ({ ms }, seed) => ({
      task: 'latency',
      ms: ms * BESIDE_TIMES,
      kept: connection === 'kept',
      loaded: true,
      seed,
    }),
    rows: {
      p50: row(`${id}.p50`, `${what}, p50`, 'ms'),
      p99: row(`${id}.p99`, `${what}, p99`, 'ms'),
      loadMibPerSecond: row(`${id}.load`, `${what}, that download`, 'MiB/s'),
    },
  };
}

/** With so many connections CPU time is told by the request. */
const COST_CONNECTIONS = 64;

function requestRate(connections: number): Step {
  const id = `rate.${connections}`;
  const what = `requests/s on ${connections} connections`;
  return {
    id,
    what,
    ways: SERVED,
    links: [0],
    task: ({ ms }) => ({ task: 'rate', ms, connections }),
    rows: { perSecond: row(id, what, '1/s') },
    ...(connections === COST_CONNECTIONS ? { cost: 'requests' } : {}),
  };
}

/** As every pod of the namespace asks for it, with the dot that saves the search list. */
const LOOKED_UP = 'thing1.default.svc.cluster.local.';

const lookup: Step = {
  id: 'lookup',
  what: 'a repeated lookup of a name',
  // Not from a peer: what its namespace resolves is its own affair.
  ways: ['pod', 'out'],
  links: [0, 20],
  task: ({ ms }) => ({ task: 'lookup', ms: ms / 4, name: LOOKED_UP }),
  rows: { p50: row('lookup.p50', 'a repeated lookup of a name, p50', 'ms') },
};

export const STEPS: readonly Step[] = [
  bulk('to', 1),
  bulk('from', 1),
  bulk('to', 8),
  bulk('from', 8),
  request('new'),
  request('kept'),
  beside('new'),
  beside('kept'),
  requestRate(16),
  requestRate(64),
  requestRate(256),
  lookup,
];

/**
 * Whether `--only` chooses it: by the beginning of its id, and by its link where the word ends with `@` and one. All where
 * nothing is named.
 */
export const isChosen = (id: string, link: Link, only: readonly string[]): boolean =>
  only.length === 0 ||
  only.some((word) => {
    const [beginning = '', on = `${link}`] = word.split('@');
    return id.startsWith(beginning) && on === `${link}`;
  });
