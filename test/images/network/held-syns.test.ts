import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { HeldSyns, type SynVerdict } from '../../../images/network/held-syns.ts';
import type { TcpEnds } from '../../../images/network/packet.ts';
import { ResetCode, type StreamReset } from '../../../src/tunnel/errors.ts';
import { decodeRequest, type StreamRequest } from '../../../src/tunnel/request.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { type TunnelPair, tunnelPair } from '../../tunnel/tunnel-pair.ts';

const MAX_DIALS = 1_024;
const CLAIM_LIMIT_MS = 5_000;
const ACCEPTED_LATELY_MS = 5_000;
const MAX_KNOWN = 1_000;

let pair: TunnelPair;
let held: HeldSyns;
let linked: boolean;
/** What the proxy was asked for, and its ends of the dials. */
let asked: StreamRequest[];
let dials: TunnelStream[];
let now: number;
/** What was said of packets, in order. */
let said: [id: number, verdict: SynVerdict][];

beforeEach(async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  linked = true;
  now = 0;
  said = [];
  asked = [];
  dials = [];
  pair = await tunnelPair({
    onStream(stream, payload) {
      stream.on('error', () => {});
      asked.push(decodeRequest(payload));
      dials.push(stream);
    },
  });
  held = new HeldSyns({
    tunnel: () => (linked ? pair.agent.tunnel : undefined),
    decide: (id, verdict) => said.push([id, verdict]),
    now: () => now,
  });
});
afterEach(() => mock.timers.reset());

const ends = (sourcePort: number, port = 80): TcpEnds => ({
  source: '10.42.0.9',
  sourcePort,
  host: '10.43.0.1',
  port,
});

/** The proxy's end of the dial that was made as the `index`th. */
function dialled(index = 0): TunnelStream {
  const stream = dials[index];
  assert.ok(stream, 'it was not dialled');
  return stream;
}

/** A SYN's peer accepts, and resets before its connection is claimed. */
async function letThroughAndReset(): Promise<void> {
  held.hold(1, ends(40_000));
  await pair.settle();
  dialled().accept();
  dialled().reset(ResetCode.connectionReset, 'read ECONNRESET');
  await pair.settle();
}

describe('a SYN', () => {
  it('is refused to a port that nobody can listen on, and nobody is asked', () => {
    held.hold(1, ends(40_000, 0));
    assert.deepEqual(said, [[1, 'refuse']]);
    assert.deepEqual(asked, []);
  });

  it('waits until the peer has accepted; then its connection has that stream', async () => {
    held.hold(1, ends(40_000));
    await pair.settle();
    assert.deepEqual(said, []);
    assert.equal(held.claim(ends(40_000)), undefined, 'there is nothing to claim yet');
    dialled().accept();
    dialled().write('220 ready');
    await pair.settle();
    assert.deepEqual(said, [[1, 'accept']]);
    const stream = held.claim(ends(40_000));
    assert.equal(`${stream?.read()}`, '220 ready');
    assert.equal(held.claim(ends(40_000)), undefined, 'it is claimed once');
  });

  it('that was let through has its stream even where the peer reset at once, and is not dialled again', async () => {
    await letThroughAndReset();
    assert.deepEqual(said, [[1, 'accept']]);
    assert.equal(
      (held.claim(ends(40_000))?.errored as StreamReset | undefined)?.code,
      ResetCode.connectionReset,
    );
    assert.equal(dials.length, 1);
  });

  it('that was let through leaves nothing behind where the peer reset at once and its process has gone', async () => {
    await letThroughAndReset();
    mock.timers.tick(CLAIM_LIMIT_MS);
    assert.equal(held.claim(ends(40_000)), undefined);
  });

  it('is dialled where it was going', async () => {
    held.hold(1, ends(40_000, 443));
    await pair.settle();
    assert.deepEqual(asked, [{ kind: 'tcp', host: '10.43.0.1', port: 443 }]);
  });

  for (const [code, verdict] of [
    ['connectionRefused', 'refuse'],
    ['connectionReset', 'refuse'],
    ['hostUnreachable', 'host-unreachable'],
    ['networkUnreachable', 'net-unreachable'],
    ['timedOut', 'drop'],
    ['internal', 'drop'],
  ] as const) {
    it(`to a peer that says ${code} is answered: ${verdict}`, async () => {
      held.hold(7, ends(40_000));
      await pair.settle();
      dialled().reset(ResetCode[code], 'as it is');
      await pair.settle();
      assert.deepEqual(said, [[7, verdict]]);
      assert.equal(held.claim(ends(40_000)), undefined);
    });
  }

  it('that is sent again waits in the place of the first, and is not dialled again', async () => {
    held.hold(1, ends(40_000));
    held.hold(2, ends(40_000));
    await pair.settle();
    assert.deepEqual(said, [[1, 'drop']]);
    assert.equal(dials.length, 1);
    dialled().accept();
    await pair.settle();
    assert.deepEqual(said.at(-1), [2, 'accept']);
    held.hold(3, ends(40_000));
    assert.deepEqual(said.at(-1), [3, 'accept'], 'the one before was lost on the way to us');
  });

  it('is left to be sent again while there is no link', () => {
    linked = false;
    held.hold(1, ends(40_000));
    assert.deepEqual(said, [[1, 'drop']]);
  });

  it('is dropped with the link, and the next one finds another', async () => {
    held.hold(1, ends(40_000));
    await pair.settle();
    pair.agent.tunnel.close();
    await pair.settle();
    assert.deepEqual(said, [[1, 'drop']]);
  });

  it('beyond the count that may wait is left to be sent again', async () => {
    for (let at = 0; at < MAX_DIALS + 3; at++) held.hold(at, ends(10_000 + at));
    assert.deepEqual(
      said.map(([id]) => id),
      [MAX_DIALS, MAX_DIALS + 1, MAX_DIALS + 2],
    );
    await pair.settle();
    dialled(5).reset(ResetCode.connectionRefused, 'no');
    await pair.settle();
    held.hold(5_000, ends(9_999));
    assert.equal(said.length, 4, 'there is room again');
  });

  it('whose process has gone leaves no stream behind', async () => {
    held.hold(1, ends(40_000));
    await pair.settle();
    dialled().accept();
    await pair.settle();
    mock.timers.tick(CLAIM_LIMIT_MS);
    await pair.settle();
    assert.ok(dialled().destroyed);
    assert.equal(held.claim(ends(40_000)), undefined);
  });
});

describe('a destination that accepted lately', () => {
  it('is taken to accept again, for a while', async () => {
    held.learn(ends(0), true);
    held.hold(1, ends(40_001));
    assert.deepEqual(said, [[1, 'accept']]);
    assert.equal(held.claim(ends(40_001)), undefined, 'its stream is opened with the connection');
    now = ACCEPTED_LATELY_MS;
    held.hold(2, ends(40_002));
    assert.equal(said.length, 1);
  });

  it('is one port of one host', () => {
    held.learn(ends(0), true);
    held.hold(1, ends(40_001, 81));
    assert.deepEqual(said, []);
  });

  it('is not so any more when it refuses', () => {
    held.learn(ends(0), true);
    held.learn(ends(0), false);
    held.hold(1, ends(40_001));
    assert.deepEqual(said, []);
  });

  it('is forgotten for the sake of later ones', () => {
    for (let port = 1; port <= MAX_KNOWN + 1; port++) held.learn(ends(0, port), true);
    held.hold(1, ends(40_001, 1));
    assert.deepEqual(said, []);
    held.hold(2, ends(40_002, 2));
    assert.deepEqual(said, [[2, 'accept']]);
  });
});
