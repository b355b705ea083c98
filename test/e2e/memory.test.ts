/** Peers that never read cost a session no more memory than its limits say, in each of its three processes. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CARRY_BYTES,
  SESSION_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
  WINDOW_GROWTH_BYTES,
} from '../../src/tunnel/limits.ts';
import { embedded } from './harness/cluster.ts';
import { Connections } from './harness/connections.ts';
import { PARTS } from './harness/processes.ts';

const COUNT = 100;

/** What the other side goes on writing meanwhile (ms): at 50 MiB/s, much more than is allowed. */
const STAND_MS = 3_000;

/** Node reads a socket in pieces of 64 KiB, of which one waits where it was read, and one is beyond what may be carried. */
const PIECES_BYTES = 2 * 65_536;

/** V8 collects its young generation when that is full, three times 16 MiB. */
const GARBAGE_BYTES = 3 * 16 * 1024 ** 2;

const ALLOWED =
  COUNT * (STREAM_WINDOW_BYTES + CARRY_BYTES + PIECES_BYTES) +
  WINDOW_GROWTH_BYTES +
  SESSION_WINDOW_BYTES +
  GARBAGE_BYTES;

/** A load that stands still comes first: it takes a while until Node is as fast as it gets. */
const PEERS = [
  { what: 'a server in the cluster that never reads', direction: 'out', kind: 'unheard' },
  { what: 'a process on the laptop that never reads', direction: 'in', kind: 'unheard' },
  { what: 'a process on the laptop that never reads its answers', direction: 'out', kind: 'unread' },
  { what: 'callers of the laptop that never read', direction: 'in', kind: 'unread' },
] as const;

describe('memory', { skip: !embedded && 'the proxy is looked at as a process of this machine' }, () => {
  let connections: Connections;
  before(async () => {
    connections = await Connections.begin('tp-e2e-memory');
  });
  after(() => connections[Symbol.asyncDispose]());

  for (const { what, direction, kind } of PEERS) {
    test(`${COUNT} connections to ${what}: less than ${ALLOWED / 1024 ** 2} MiB more`, async (t) => {
      const { memory } = connections;
      const before = memory.now();
      memory.forgetPeak();
      {
        await using _load = await connections.load(direction, kind, COUNT);
        await delay(STAND_MS);
      }
      const peak = memory.peak();
      const grown = PARTS.map((part) => ({ part, mib: Math.round((peak[part] - before[part]) / 1024 ** 2) }));
      t.diagnostic(grown.map(({ part, mib }) => `${part} ${mib} MiB`).join(', '));
      for (const { part, mib } of grown) assert.ok(mib < ALLOWED / 1024 ** 2, `the ${part}: ${mib} MiB`);
    });
  }
});
