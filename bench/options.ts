import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { isChosen, type Size, STEPS } from './steps.ts';
import { LINKS, type Link } from './ways.ts';

const MIB = 1024 * 1024;
const FULL: Size = { rounds: 3, bytes: 256 * MIB, ms: 1_500 };
const QUICK: Size = { rounds: 1, bytes: 8 * MIB, ms: 200 };

/** How many streams the memory is read with. */
const FULL_STREAMS = [1, 100, 1_000];
const QUICK_STREAMS = [1, 20];

export interface Options {
  size: Size;
  links: readonly Link[];
  only: readonly string[];
  /** None where memory is not to be measured. */
  streams: readonly number[];
  /** The peer's file. */
  peer: string | undefined;
  /** How long the rounds may take (ms); the first is measured whole. */
  limitMs: number;
  quick: boolean;
  prepared: boolean;
}

/** Rows that no step makes. */
const OTHER_ROWS = ['start', 'switched', 'planned', 'end', 'help', 'memory'];

/** Throws for what makes no sense. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      /** How much a bulk transfer carries. */
      mib: { type: 'string' },
      /** No further round begins that would end later. */
      minutes: { type: 'string' },
      /** Takes all words that follow, too. */
      only: { type: 'string', multiple: true, default: [] },
      peer: { type: 'string' },
      /** The cluster, the example and dist/ are as they shall be. */
      prepared: { type: 'boolean', default: false },
    },
  });
  const { quick, peer, prepared } = values;
  assert(positionals.length === 0 || values.only.length > 0, `what is ${positionals[0]}?`);
  const only = [...values.only, ...positionals];
  for (const word of only) assert(isKnown(word), `--only ${word}: there is no such row`);
  const size = { ...(quick ? QUICK : FULL) };
  if (values.rounds !== undefined) size.rounds = Number(values.rounds);
  if (values.mib !== undefined) size.bytes = Number(values.mib) * MIB;
  assert(Number.isInteger(size.bytes / MIB) && size.bytes >= MIB, '--mib: at least 1');
  assert(Number.isInteger(size.rounds) && size.rounds >= 1, '--rounds: at least 1');
  const limitMs = Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  assert(limitMs > 0, '--minutes: more than none');
  const counts = quick ? QUICK_STREAMS : FULL_STREAMS;
  const streams = isChosen('memory', 0, only) ? counts : [];
  return { size, links: quick ? [0, 20] : LINKS, only, streams, peer, limitMs, quick, prepared };
}

const isKnown = (word: string): boolean =>
  [...STEPS.map(({ id }) => id), ...OTHER_ROWS].some((id) =>
    LINKS.some((link) => isChosen(id, link, [word])),
  );
