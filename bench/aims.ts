import { type Figure, type Figures, summary } from './figures.ts';
import type { Link, Way } from './ways.ts';

/** What tp aims at, as data. A missed aim is told and fails nothing: a slow machine is no fault. */

/** A row's figure on one way and link. */
export interface Term {
  row: string;
  way: Way;
  link: Link;
}

export interface Aim {
  group: string;
  what: string;
  of: Term;
  /** What it is divided by, round by round; an aim without it is a figure of its own. */
  to?: Term | { constant: number };
  /** What is taken off first: a round trip that is granted. */
  less?: Term;
  atLeast?: number;
  atMost?: number;
}

export interface Judged {
  aim: Aim;
  /** Undefined where this run did not measure it. */
  figure: Figure | undefined;
  met: boolean | undefined;
}

const term = (row: string, way: Way, link: Link = 0): Term => ({ row, way, link });
const TP = ['out', 'in'] as const;
const SIDE = { out: 'outbound', in: 'inbound' } as const;
const DIRECTIONS = { to: 'to the laptop', from: 'from the laptop' } as const;
const BOTH = ['to', 'from'] as const;

const bulkAims: Aim[] = BOTH.flatMap((direction) =>
  TP.flatMap((way) => {
    const name = `${DIRECTIONS[direction]}, ${SIDE[way]}`;
    const group = 'Bulk';
    const one = `bulk.${direction}.1`;
    const raw = term(one, 'raw');
    const streams = (count: number): Aim[] => {
      const of = term(`bulk.${direction}.${count}`, way);
      const what = `${name}, ${count === 1 ? 'one stream' : `${count} streams`}`;
      const kubectl = term(`bulk.${direction}.${count}`, 'kubectl');
      return [
        { group, what: `${what}: of one raw stream`, of, to: raw, atLeast: 0.9 },
        { group, what: `${what}: of kubectl port-forward`, of, to: kubectl, atLeast: 1.0 },
      ];
    };
    const delayed = ([20, 80] as const).map((link): Aim => {
      const to = term(one, way);
      return {
        group,
        what: `${name}, ${link} ms added: of that without`,
        of: term(one, way, link),
        to,
        atLeast: 0.8,
      };
    });
    return [...streams(1), ...streams(8), ...delayed];
  }),
);

const requestAims: Aim[] = [
  ...TP.flatMap((way) =>
    ['p50', 'p99'].flatMap((rank): Aim[] => {
      const against = (id: string, what: string, atMost: number): Aim => ({
        group: 'Requests',
        what: `${what}, ${SIDE[way]}, ${rank}: of kubectl port-forward`,
        of: term(`get.${id}.${rank}`, way),
        to: term(`get.${id}.${rank}`, 'kubectl'),
        atMost,
      });
      return [against('new', 'new connection', 0.5), against('kept', 'kept connection', 1.0)];
    }),
  ),
  {
    group: 'Requests',
    what: 'new connection to a known destination, outbound, 20 ms added, p50: round trips',
    of: term('get.new.p50', 'out', 20),
    to: { constant: 20 },
    atMost: 1.2,
  },
  {
    group: 'Requests',
    what: 'a repeated lookup, 20 ms added, p50: round trips',
    of: term('lookup.p50', 'out', 20),
    to: { constant: 20 },
    atMost: 0.1,
  },
];

const rateAims: Aim[] = [16, 64, 256].flatMap((connections) =>
  TP.map((way) => ({
    group: 'Requests/s',
    what: `${connections} connections, ${SIDE[way]}: of kubectl port-forward`,
    of: term(`rate.${connections}`, way),
    to: term(`rate.${connections}`, 'kubectl'),
    atLeast: 2,
  })),
);

/** The round trip that is granted is that of a request on a kept connection. */
const besideAims: Aim[] = (['new', 'kept'] as const).flatMap((connection) =>
  TP.map((way) => ({
    group: 'Beside a bulk download',
    what: `${connection} connection, ${SIDE[way]}, p99 less one round trip: of that without`,
    of: term(`beside.${connection}.p99`, way),
    less: term('get.kept.p50', way),
    to: term(`get.${connection}.p99`, way),
    atMost: 3,
  })),
);

const timeAims: Aim[] = [
  ['from the command to the first answer, s', 'start', 2.0] as const,
  ['tp --help, s', 'help', 0.1] as const,
  ['import and planning, s', 'planned', 0.25] as const,
  ['from Ctrl-C to everything restored, s', 'end', 1.5] as const,
].map(([what, row, atMost]) => ({ group: 'Start and end', what, of: term(row, 'in'), atMost }));

export const AIMS: readonly Aim[] = [...bulkAims, ...requestAims, ...rateAims, ...besideAims, ...timeAims];

/** Each aim beside what was measured: round by round, as only figures of one round compare. */
export function judge(figures: Figures, aims: readonly Aim[] = AIMS): Judged[] {
  return aims.map((aim) => {
    const figure = measured(aim, figures);
    if (!figure) return { aim, figure, met: undefined };
    const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = aim;
    return { aim, figure, met: figure.median >= atLeast && figure.median <= atMost };
  });
}

function measured({ of, less, to }: Aim, figures: Figures): Figure | undefined {
  const values = ({ row, way, link }: Term) => figures.get(row, link)?.figures[way]?.values;
  const above = values(of);
  const off = less ? values(less) : above?.map(() => 0);
  const below = to && 'row' in to ? values(to) : above?.map(() => (to ? to.constant : 1));
  if (!above || !off || !below) return undefined;
  return summary(above.map((value, round) => (value - (off[round] ?? 0)) / (below[round] ?? Number.NaN)));
}

/** What is aimed at, in words. */
export const target = ({ atLeast, atMost }: Aim): string =>
  atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
