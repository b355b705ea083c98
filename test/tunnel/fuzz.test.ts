import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeHeader } from '../../src/tunnel/encode.ts';
import { TunnelError } from '../../src/tunnel/errors.ts';
import { FRAME_RULES, FrameType } from '../../src/tunnel/frame.ts';
import { HELLO_TIMEOUT_MS } from '../../src/tunnel/limits.ts';
import { RawPeer } from './raw-peer.ts';

const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

/** A frame whose header is mostly right, so that runs get past the decoder. */
const anyFrame = fc
  .record({
    type: fc.constantFrom(...Object.values(FrameType)),
    stream: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 6 }) },
      { weight: 1, arbitrary: fc.nat() },
    ),
    ordered: fc.integer({ min: 0, max: 30 }).map((n) => n > 0),
    payload: fc.uint8Array({ minLength: 8, maxLength: 30 }),
  })
  .map((frame) => ({ ...frame, payload: Buffer.from(frame.payload) }));

/** The session goes on, or it has ended with a TunnelError, a close frame and nothing left. */
function assertSound(peer: RawPeer): void {
  if (peer.closed.length === 0) return;
  assert.equal(peer.closed.length, 1);
  assert.ok(peer.closed[0] === undefined || peer.closed[0] instanceof TunnelError);
  assert.equal(peer.tunnel.streams, 0);
  assert.equal(peer.clock.pending, 0);
}

describe('a peer that says anything at all', () => {
  it('in bytes, ends the session with a TunnelError at worst', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(anyBytes, { maxLength: 10 }), async (meets, chunks) => {
        const peer = new RawPeer((stream) => stream.resume());
        if (meets) await peer.hello();
        for (const chunk of chunks) assert.doesNotThrow(() => peer.theirs.onBytes(chunk));
        await peer.settle();
        assertSound(peer);
        peer.clock.advance(2 * HELLO_TIMEOUT_MS);
        assert.equal(peer.closed.length, 1);
        assertSound(peer);
      }),
      { numRuns: 300 },
    );
  });

  it('in frames, ends the session with a TunnelError at worst', async () => {
    let ended = 0;
    let alive = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { maxLength: 30 }), async (frames) => {
        const peer = await RawPeer.met((stream) => {
          stream.accept();
          stream.write('some bytes');
          stream.resume();
        });
        for (const id of [1, 3]) await peer.stream(FrameType.open, id, '{}');
        for (let count = 0; count < 2; count++)
          peer.tunnel
            .open(Buffer.from('{}'))
            .on('error', () => {})
            .resume();
        let sequence = 2;
        for (const { type, stream, ordered, payload } of frames) {
          const rule = FRAME_RULES.get(type);
          assert.ok(rule);
          const length = Math.max(rule.min, Math.min(payload.length, rule.max));
          const [id, number] = rule.sequenced ? [stream, ordered ? sequence++ : 0] : [0, 0];
          const bytes = [encodeHeader(type, id, number, length), payload.subarray(0, length)];
          assert.doesNotThrow(() => peer.theirs.onBytes(Buffer.concat(bytes)));
        }
        await peer.settle();
        assertSound(peer);
        if (peer.closed.length > 0) ended++;
        else alive++;
        peer.clock.advance(100_000);
        assert.equal(peer.closed.length, 1);
        assertSound(peer);
      }),
      { numRuns: 400 },
    );
    assert.ok(ended > 0 && alive > 0, `${ended} ended, ${alive} went on`);
  });
});
