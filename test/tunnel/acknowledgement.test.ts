import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeUint32 } from '../../src/tunnel/decode.ts';
import { FrameType, MAX_PAYLOAD_BYTES } from '../../src/tunnel/frame.ts';
import { ACK_AFTER_BYTES, ACK_AFTER_MS } from '../../src/tunnel/limits.ts';
import { pattern } from './bytes.ts';
import { RawPeer } from './raw-peer.ts';

/** A peer with one stream open and read, of which the opening is acknowledged. */
async function reading(): Promise<RawPeer> {
  const peer = await RawPeer.met((stream) => stream.resume());
  await peer.stream(FrameType.open, 1, '{}');
  peer.clock.advance(ACK_AFTER_MS);
  await peer.settle();
  peer.received.length = 0;
  return peer;
}

const acks = (peer: RawPeer) => peer.heard(FrameType.ack).map(({ payload }) => decodeUint32(payload));

describe('acknowledgements', () => {
  it('come after a while, once for all that arrived in it', async () => {
    const peer = await reading();
    for (const text of ['a', 'b', 'c']) await peer.stream(FrameType.data, 1, text);
    peer.clock.advance(ACK_AFTER_MS - 1);
    await peer.settle();
    assert.deepEqual(acks(peer), []);
    peer.clock.advance(1);
    await peer.settle();
    assert.deepEqual(acks(peer), [4]);
    peer.clock.advance(10 * ACK_AFTER_MS);
    await peer.settle();
    assert.deepEqual(acks(peer), [4]);
  });

  it('come at once after many bytes, and the timer starts anew', async () => {
    const peer = await reading();
    for (let sent = 0; sent < ACK_AFTER_BYTES; sent += MAX_PAYLOAD_BYTES) {
      assert.deepEqual(acks(peer), []);
      await peer.stream(FrameType.data, 1, pattern(MAX_PAYLOAD_BYTES));
    }
    const next = 1 + Math.ceil(ACK_AFTER_BYTES / MAX_PAYLOAD_BYTES); // behind the stream's opening
    assert.deepEqual(acks(peer), [next]);
    peer.clock.advance(ACK_AFTER_MS);
    await peer.settle();
    assert.deepEqual(acks(peer), [next]);
    await peer.stream(FrameType.data, 1, 'x');
    assert.deepEqual(acks(peer), [next]);
    peer.clock.advance(ACK_AFTER_MS);
    await peer.settle();
    assert.deepEqual(acks(peer), [next, next + 1]);
  });

  it('are sent for streams that are gone, too: what is sent is sent', async () => {
    const peer = await reading();
    await peer.stream(FrameType.reset, 1, Buffer.alloc(2));
    await peer.stream(FrameType.data, 1, 'late');
    peer.clock.advance(ACK_AFTER_MS);
    await peer.settle();
    assert.deepEqual(acks(peer), [3]);
  });

  it('are not owed for frames outside the sequence', async () => {
    const peer = await reading();
    await peer.frame(FrameType.ping, Buffer.alloc(8));
    peer.clock.advance(ACK_AFTER_MS);
    await peer.settle();
    assert.deepEqual(acks(peer), []);
  });
});
