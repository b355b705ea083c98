import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameType, HEADER_BYTES } from '../../src/tunnel/frame.ts';
import { BATCH_BYTES, QUANTUM_BYTES } from '../../src/tunnel/limits.ts';
import { pattern, read } from './bytes.ts';
import { openStream, type TunnelPair, tunnelPair } from './tunnel-pair.ts';

/** A pair whose agent's link is full, with this many streams that have a lot to send. */
async function busy(count: number): Promise<TunnelPair> {
  const pair = await tunnelPair();
  const streams = [];
  for (let at = 0; at < count; at++) streams.push(await openStream(pair));
  pair.agent.link.capacity = 1;
  pair.agent.link.hold();
  for (const [near, far] of streams) {
    read(far);
    near.write(pattern(400_000));
  }
  await pair.settle();
  return pair;
}

describe('sending', () => {
  for (const count of [1, 7]) {
    it(`lets a small stream wait for a quantum of each of ${count} busy ones at most`, async () => {
      const pair = await busy(count);
      const [small, far] = [pair.agent.tunnel.open(Buffer.from('{}')), () => pair.proxy.streams.at(-1)];
      const from = pair.agent.link.frames().length;
      small.write('small');
      await pair.settle();
      pair.agent.link.release();
      await pair.settle();
      const frames = pair.agent.link.frames(from);
      const at = frames.findIndex(({ type, stream }) => type === FrameType.data && stream === small.id);
      const before = frames.slice(0, at).filter(({ type }) => type === FrameType.data);
      assert.ok(at >= 0);
      for (const { id } of pair.proxy.streams) {
        const bytes = before.filter(({ stream }) => stream === id).reduce((n, f) => n + f.payload.length, 0);
        assert.ok(bytes <= QUANTUM_BYTES, `stream ${id} sent ${bytes} bytes first`);
      }
      assert.equal(far()?.id, small.id);
    });
  }

  it('gives control frames the next place', async () => {
    const pair = await busy(3);
    const from = pair.agent.link.frames().length;
    pair.agent.tunnel.open(Buffer.from('{}'));
    pair.agent.link.release();
    await pair.settle();
    assert.equal(pair.agent.link.frames(from)[0]?.type, FrameType.open);
  });

  it('shares the link equally among streams that are busy', async () => {
    const pair = await busy(5);
    const from = pair.agent.link.frames().length;
    pair.agent.link.release();
    await pair.settle();
    const data = pair.agent.link.frames(from).filter(({ type }) => type === FrameType.data);
    const sent = new Map<number, number>();
    // While all are busy, none is ever more than a quantum ahead of another.
    for (const { stream, payload } of data.slice(0, 25)) {
      sent.set(stream, (sent.get(stream) ?? 0) + payload.length);
      if (sent.size < 5) continue;
      const counts = [...sent.values()];
      assert.ok(Math.max(...counts) - Math.min(...counts) <= QUANTUM_BYTES);
    }
    assert.equal(sent.size, 5);
  });

  it('never makes a frame of data larger than a quantum, or a batch much larger than its size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 6 }),
        async (sizes) => {
          const pair = await tunnelPair();
          const [near, far] = await openStream(pair);
          read(far);
          for (const size of sizes) near.write(pattern(size));
          await pair.settle();
          const data = pair.agent.link.frames().filter(({ type }) => type === FrameType.data);
          assert.ok(data.every(({ payload }) => payload.length <= QUANTUM_BYTES));
          const batch = Math.max(...pair.agent.link.sent.map(({ length }) => length));
          assert.ok(batch < BATCH_BYTES + QUANTUM_BYTES + HEADER_BYTES, `${batch}`);
        },
      ),
      { numRuns: 20 },
    );
  });
});
