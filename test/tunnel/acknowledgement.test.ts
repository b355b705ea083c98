import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeUint32 } from '../../src/tunnel/decode.ts';
import { FrameType, MAX_PAYLOAD_BYTES } from '../../src/tunnel/frame.ts';
import { ACK_AFTER_MS, MIN_FLIGHT_BYTES } from '../../src/tunnel/limits.ts';
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

  it('come at once where the frame asks for it, for all before it, and the timer starts anew', async () => {
    const peer = await reading();
    await peer.stream(FrameType.data, 1, pattern(MAX_PAYLOAD_BYTES));
    assert.deepEqual(acks(peer), []);
    await peer.bytes(peer.numbered(FrameType.data, 1, 'asks', true));
    assert.deepEqual(acks(peer), [3]);
    peer.clock.advance(ACK_AFTER_MS);
    await peer.settle();
    assert.deepEqual(acks(peer), [3]);
    await peer.stream(FrameType.data, 1, 'x');
    assert.deepEqual(acks(peer), [3]);
    peer.clock.advance(ACK_AFTER_MS);
    await peer.settle();
    assert.deepEqual(acks(peer), [3, 4]);
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

describe('a sender of bulk', () => {
  /** A peer to which a stream has bulk to send, with credit for all of it. */
  async function sending(): Promise<RawPeer> {
    const peer = await RawPeer.met((stream) => {
      stream.accept();
      stream.write(pattern(2 * MIN_FLIGHT_BYTES));
    });
    await peer.stream(FrameType.open, 1, '{}');
    await peer.stream(FrameType.credit, 1, 4 * MIN_FLIGHT_BYTES);
    return peer;
  }

  it('asks for an acknowledgement before it has to stop, and not with each frame', async () => {
    const peer = await sending();
    assert.deepEqual(
      peer.heard(FrameType.data).map(({ ask }) => ask),
      [false, false, false, true, false, false, false, true],
    );
  });

  it('asks with the first small answer that shares the link, which waits behind what is on its way', async () => {
    const peer = await RawPeer.met((stream) => {
      stream.accept();
      stream.write(stream.id > 1 ? 'small' : pattern(3 * MAX_PAYLOAD_BYTES));
    });
    await peer.stream(FrameType.open, 1, '{}');
    await peer.stream(FrameType.open, 3, '{}');
    const asked = peer.heard(FrameType.data).map(({ stream, ask }) => [stream, ask]);
    assert.deepEqual(asked, [
      [1, false],
      [1, false],
      [1, false],
      [3, true],
    ]);
  });
});
