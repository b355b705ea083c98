import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ResetCode, StreamReset } from '../../src/tunnel/errors.ts';
import { FrameType } from '../../src/tunnel/frame.ts';
import { STREAM_WINDOW_BYTES } from '../../src/tunnel/limits.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { pattern, read, type Seen, watch } from './bytes.ts';
import { openStream, tunnelPair } from './tunnel-pair.ts';

/** What one side of a stream does: writes of these sizes, and perhaps an end. */
interface Side {
  writes: number[];
  ends: boolean;
}

const anySide: fc.Arbitrary<Side> = fc.record({
  writes: fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) },
      { weight: 2, arbitrary: fc.integer({ min: 301, max: 70_000 }) },
      { weight: 1, arbitrary: fc.constant(STREAM_WINDOW_BYTES + 1) },
    ),
    { maxLength: 6 },
  ),
  ends: fc.boolean(),
});

const anyScenario = fc.record({
  streams: fc.array(fc.record({ byAgent: fc.boolean(), opener: anySide, acceptor: anySide }), {
    minLength: 1,
    maxLength: 4,
  }),
  chunks: fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 70_000 })), {
    minLength: 1,
    maxLength: 5,
  }),
  capacity: fc.constantFrom(1, 1000, 64 * 1024, Number.POSITIVE_INFINITY),
});

/** Writes with backpressure, and ends if it is to. */
async function act(stream: TunnelStream, { writes, ends }: Side): Promise<void> {
  let start = 0;
  for (const size of writes) {
    const room = stream.write(pattern(size, start));
    start += size;
    if (!room) await once(stream, 'drain');
  }
  if (ends) stream.end();
}

const expectedBytes = ({ writes }: Side) => {
  let start = 0;
  const parts = writes.map((size) => {
    const part = pattern(size, start);
    start += size;
    return part;
  });
  return Buffer.concat(parts);
};

const isReset = (error: Error | undefined, code: ResetCode, message?: string) => {
  assert.ok(error instanceof StreamReset, String(error));
  assert.equal(error.code, code);
  if (message !== undefined) assert.equal(error.message, message);
};

describe('streams', () => {
  it('arrive whole, in order and with their ends, however the link cuts and stalls them', async () => {
    await fc.assert(
      fc.asyncProperty(anyScenario, async ({ streams, chunks, capacity }) => {
        let turn = 0;
        // A chunk size of a few bytes throughout would take seconds for the large writes: one in sixteen is enough.
        const chunk = () => (turn % 16 === 0 ? 1 : 4096) * (chunks[turn++ % chunks.length] ?? 1);
        const accepted: [Seen, Side][] = [];
        let acting = 2 * streams.length;
        const acted = () => {
          acting--;
        };
        const pair = await tunnelPair({
          chunk,
          capacity,
          onStream(stream, request) {
            const side = streams[Number(request)]?.acceptor ?? { writes: [], ends: false };
            stream.accept();
            accepted.push([read(stream), streams[Number(request)]?.opener ?? side]);
            void act(stream, side).then(acted);
          },
        });
        const opened = streams.map(({ byAgent, opener, acceptor }, index): [Seen, Side] => {
          const stream = (byAgent ? pair.agent : pair.proxy).tunnel.open(Buffer.from(String(index)));
          void act(stream, opener).then(acted);
          return [read(stream), acceptor];
        });
        await pair.settle();
        assert.equal(acting, 0, 'a writer waits for ever');
        assert.equal(accepted.length, streams.length);
        for (const [seen, side] of [...opened, ...accepted]) {
          assert.ok(seen.bytes.equals(expectedBytes(side)));
          assert.equal(seen.ended, side.ends);
          assert.deepEqual(seen.errors, []);
        }
        const open = streams.filter(({ opener, acceptor }) => !opener.ends || !acceptor.ends).length;
        assert.equal(pair.agent.tunnel.streams, open);
        assert.equal(pair.proxy.tunnel.streams, open);
        assert.deepEqual([...pair.agent.closed, ...pair.proxy.closed], []);
      }),
      { numRuns: 60 },
    );
  });

  it('arrive whole over a link that gives one byte at a time', async () => {
    const pair = await tunnelPair({ chunk: () => 1 });
    const [near, far] = await openStream(pair);
    const [nearSeen, farSeen] = [read(near), read(far)];
    near.end(pattern(3000, 1));
    far.end(pattern(2000, 2));
    await pair.settle();
    assert.ok(farSeen.bytes.equals(pattern(3000, 1)) && farSeen.ended);
    assert.ok(nearSeen.bytes.equals(pattern(2000, 2)) && nearSeen.ended);
  });

  it('carry the request as it was given, and are numbered odd by the end that dialled, even by the other', async () => {
    const requests: string[] = [];
    const pair = await tunnelPair({
      onStream: (stream, request) => requests.push(`${stream.id} ${request}`),
    });
    for (const name of ['a', 'b']) pair.agent.tunnel.open(Buffer.from(name));
    for (const name of ['c', 'd']) pair.proxy.tunnel.open(Buffer.from(name));
    await pair.settle();
    assert.deepEqual(requests.sort(), ['1 a', '2 c', '3 b', '4 d']);
  });
});

describe('accept', () => {
  it('reaches the opener with its answer, before any data', async () => {
    const pair = await tunnelPair();
    const near = pair.agent.tunnel.open(Buffer.from('{}'));
    const heard: string[] = [];
    near.on('accept', (answer: Buffer) => heard.push(`accept ${answer}`));
    near.on('data', (data: Buffer) => heard.push(`data ${data}`));
    near.on('end', () => heard.push('end'));
    await pair.settle();
    const [far] = pair.proxy.streams;
    far?.end('hi'); // waits for the answer
    await pair.settle();
    assert.deepEqual(heard, []);
    far?.accept(Buffer.from('yes'));
    await pair.settle();
    assert.deepEqual(heard, ['accept yes', 'data hi', 'end']);
  });

  it('does not hold back what the opener sends', async () => {
    const pair = await tunnelPair();
    const near = pair.agent.tunnel.open(Buffer.from('{}'));
    near.end('early');
    await pair.settle();
    const [far] = pair.proxy.streams;
    assert.ok(far);
    const seen = read(far);
    await pair.settle();
    assert.equal(seen.bytes.toString(), 'early');
    assert.ok(seen.ended);
  });

  it('is for the other side, and once', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    assert.throws(() => near.accept());
    assert.throws(() => far.accept());
    await pair.settle();
    assert.deepEqual([...pair.agent.closed, ...pair.proxy.closed], []);
  });

  it('comes too late, without harm, for a stream that the peer has reset', async () => {
    const pair = await tunnelPair();
    const near = pair.agent.tunnel.open(Buffer.from('{}'));
    await pair.settle();
    near.destroy();
    await pair.settle();
    pair.proxy.streams[0]?.accept();
    await pair.settle();
    assert.deepEqual([...pair.agent.closed, ...pair.proxy.closed], []);
  });

  it('and open are not sent with a payload that the peer would have to reject', async () => {
    const pair = await tunnelPair();
    for (const length of [0, 2049]) {
      assert.throws(() => pair.agent.tunnel.open(Buffer.alloc(length)), RangeError);
    }
    assert.equal(pair.agent.tunnel.streams, 0);
    pair.agent.tunnel.open(Buffer.alloc(2048));
    await pair.settle();
    const [far] = pair.proxy.streams;
    assert.throws(() => far?.accept(Buffer.alloc(2049)), RangeError);
    far?.accept(Buffer.alloc(2048));
    await pair.settle();
    assert.deepEqual([...pair.agent.closed, ...pair.proxy.closed], []);
  });
});

describe('half-close', () => {
  for (const [first, second] of [
    [0, 1],
    [1, 0],
  ] as const) {
    it(`by the ${first === 0 ? 'opener' : 'acceptor'} leaves the other direction open`, async () => {
      const pair = await tunnelPair();
      const sides = await openStream(pair);
      const [ending, going] = [sides[first], sides[second]];
      const [endingSeen, goingSeen] = [read(ending), read(going)];
      ending.end('request');
      await pair.settle();
      assert.deepEqual(
        [goingSeen.bytes.toString(), goingSeen.ended, goingSeen.closed],
        ['request', true, false],
      );
      going.write('first ');
      await pair.settle();
      going.end('second');
      await pair.settle();
      assert.deepEqual([endingSeen.bytes.toString(), endingSeen.ended], ['first second', true]);
      assert.deepEqual([endingSeen.closed, goingSeen.closed], [true, true]);
      assert.deepEqual([...endingSeen.errors, ...goingSeen.errors], []);
      assert.deepEqual([pair.agent.tunnel.streams, pair.proxy.tunnel.streams], [0, 0]);
      for (const { link } of [pair.agent, pair.proxy]) {
        assert.deepEqual(
          link.frames().filter(({ type }) => type === FrameType.reset),
          [],
        );
      }
    });
  }

  it('keeps what was sent before it for a reader that comes later', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    near.end(pattern(300_000));
    await pair.settle();
    const seen = read(far);
    await pair.settle();
    assert.ok(seen.bytes.equals(pattern(300_000)));
    assert.ok(seen.ended);
  });
});

describe('reset', () => {
  it('by destroy is an error at the peer, never an end', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    const seen = read(far);
    near.write('partial');
    await pair.settle();
    near.destroy();
    await pair.settle();
    assert.equal(seen.bytes.toString(), 'partial');
    assert.deepEqual([seen.ended, seen.closed, seen.errors.length], [false, true, 1]);
    isReset(seen.errors[0], ResetCode.cancelled);
    assert.deepEqual([pair.agent.tunnel.streams, pair.proxy.tunnel.streams], [0, 0]);
  });

  it('tells the peer what the socket said', async () => {
    const errors: [NodeJS.ErrnoException, ResetCode][] = [
      [Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), ResetCode.connectionRefused],
      [Object.assign(new Error('reset'), { code: 'ECONNRESET' }), ResetCode.connectionReset],
      [Object.assign(new Error('pipe'), { code: 'EPIPE' }), ResetCode.connectionReset],
      [Object.assign(new Error('host'), { code: 'EHOSTUNREACH' }), ResetCode.hostUnreachable],
      [Object.assign(new Error('net'), { code: 'ENETUNREACH' }), ResetCode.networkUnreachable],
      [Object.assign(new Error('time'), { code: 'ETIMEDOUT' }), ResetCode.timedOut],
      [Object.assign(new Error('name'), { code: 'ENOTFOUND' }), ResetCode.notFound],
      [new Error('anything'), ResetCode.internal],
    ];
    const pair = await tunnelPair();
    for (const [error, code] of errors) {
      const [near, far] = await openStream(pair);
      const seen = read(near);
      far.destroy(error);
      await pair.settle();
      isReset(seen.errors[0], code, error.message);
    }
  });

  it('instead of accept refuses, with code and reason', async () => {
    const pair = await tunnelPair({ onStream: (stream) => stream.reset(ResetCode.noListener, 'nobody') });
    const near = pair.agent.tunnel.open(Buffer.from('{}'));
    await assert.rejects(once(near, 'accept'), (error: Error) => {
      isReset(error, ResetCode.noListener, 'nobody');
      return true;
    });
  });

  it('drops what was queued, and frames that cross it mean nothing', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    const seen = watch(far);
    pair.agent.link.hold();
    pair.proxy.link.hold();
    near.write(pattern(100_000));
    far.write(pattern(100_000));
    near.destroy();
    far.end();
    await pair.settle();
    pair.agent.link.release();
    pair.proxy.link.release();
    await pair.settle();
    isReset(seen.errors[0], ResetCode.cancelled);
    assert.deepEqual([pair.agent.tunnel.streams, pair.proxy.tunnel.streams], [0, 0]);
    assert.deepEqual([...pair.agent.closed, ...pair.proxy.closed], []);
  });

  it('by both sides at once is no error of the session', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    near.destroy();
    far.destroy();
    await pair.settle();
    assert.deepEqual([pair.agent.tunnel.streams, pair.proxy.tunnel.streams], [0, 0]);
    assert.deepEqual([...pair.agent.closed, ...pair.proxy.closed], []);
  });

  it('answers a write that was waiting', async () => {
    const pair = await tunnelPair();
    const [near] = await openStream(pair);
    pair.agent.link.capacity = 0;
    near.write('fills the link');
    await pair.settle();
    const outcome = new Promise((resolve) => {
      near.write(pattern(70_000), resolve);
    });
    near.destroy();
    assert.ok((await outcome) instanceof Error);
  });

  it('by the peer never ends the process for want of a listener', async () => {
    const pair = await tunnelPair(); // its proxy only keeps the streams
    const near = pair.agent.tunnel.open(Buffer.from('{}'));
    await pair.settle();
    near.destroy();
    await pair.settle();
    assert.equal(pair.proxy.streams[0]?.destroyed, true);
  });
});
