import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameDecoder } from '../../src/tunnel/decode.ts';
import { TunnelError } from '../../src/tunnel/errors.ts';
import { FrameType, HEADER_BYTES } from '../../src/tunnel/frame.ts';
import { ASK_BYTES, MIN_FLIGHT_BYTES, SESSION_WINDOW_BYTES, START_GAIN } from '../../src/tunnel/limits.ts';
import type { Link } from '../../src/tunnel/link.ts';
import { Outbox } from '../../src/tunnel/outbox.ts';
import { ScriptedClock } from './clock.ts';

/** An outbox that has started, with everything that it sent. */
function outbox(firstSequence?: number) {
  const sent: Buffer[] = [];
  const link: Link = {
    send(buffers) {
      sent.push(...buffers);
      return true;
    },
    close() {},
    onBytes() {},
    onDrained() {},
    onClosed() {},
  };
  // The clock stands still: nothing is measured, and every transfer still starts.
  const box = new Outbox(firstSequence, new ScriptedClock());
  box.attach(link);
  box.start();
  const frames = () => [...new FrameDecoder().push(Buffer.concat(sent))];
  return {
    box,
    sequences: () => frames().map(({ sequence }) => sequence),
    asks: () => frames().map(({ ask }) => ask),
  };
}

const REQUEST = Buffer.alloc(2000);
const FRAME_BYTES = HEADER_BYTES + REQUEST.length;

/** How many frames may be on their way when so many have been delivered since the start. */
function framesInFlight(delivered: number): number {
  const limit = MIN_FLIGHT_BYTES + (START_GAIN - 1) * delivered * FRAME_BYTES;
  return Math.ceil(Math.min(SESSION_WINDOW_BYTES, limit) / FRAME_BYTES);
}

describe('the outbox', () => {
  it('numbers frames across 2^32, and takes acknowledgements on both sides of it', () => {
    const { box, sequences } = outbox(0xffff_fffe);
    for (let count = 0; count < 4; count++) box.control(FrameType.open, 1, REQUEST);
    assert.deepEqual(sequences(), [0xffff_fffe, 0xffff_ffff, 0, 1]);
    for (const expected of [0xffff_fffe, 0xffff_ffff, 0, 1, 2]) box.acknowledged(expected);
    assert.throws(() => box.acknowledged(1), TunnelError);
  });

  it('rejects an acknowledgement across 2^32 of what was never sent, or was acknowledged before', () => {
    for (const expected of [0xffff_fffd, 3, 0x8000_0000]) {
      const { box } = outbox(0xffff_fffe);
      for (let count = 0; count < 4; count++) box.control(FrameType.open, 1, REQUEST);
      assert.throws(() => box.acknowledged(expected), TunnelError);
    }
  });

  it('asks for an acknowledgement after so much, however much may be on its way', () => {
    const { box, asks } = outbox();
    const half = Math.ceil(SESSION_WINDOW_BYTES / 2 / FRAME_BYTES);
    for (let count = 0; count < 3 * half; count++) box.control(FrameType.open, 1, REQUEST);
    for (let delivered = 0; delivered < half; ) {
      delivered = Math.min(half, asks().length);
      box.acknowledged(delivered);
    }
    const sent = asks();
    const asked = sent.flatMap((ask, sequence) => (ask && sequence >= half ? [sequence] : []));
    const lumps = asked.slice(1).map((sequence, index) => (sequence - (asked[index] ?? 0)) * FRAME_BYTES);
    assert.ok(lumps.length >= 5, `${lumps.length}`);
    for (const lump of lumps) assert.ok(lump <= ASK_BYTES + FRAME_BYTES, `${lump}`);
  });

  it('has as much on its way as the window allows, wherever the numbers start and acknowledgements fall', () => {
    const steps = fc.array(fc.integer({ min: 0, max: framesInFlight(0) }), { maxLength: 8 });
    fc.assert(
      fc.property(fc.integer({ min: 0xffff_f000, max: 0xffff_ffff }), steps, (first, acknowledged) => {
        const { box, sequences } = outbox(first);
        for (let count = 0; count < 20_000; count++) box.control(FrameType.open, 1, REQUEST);
        let expected = first;
        let received = 0;
        for (const count of acknowledged) {
          assert.equal(sequences().length, received + framesInFlight(received));
          received += count;
          expected = (expected + count) >>> 0;
          box.acknowledged(expected);
        }
        assert.ok(sequences().every((sequence, at) => sequence === (first + at) >>> 0));
      }),
      { numRuns: 5 },
    );
  });

  it('sends nothing numbered before it is started, and nothing at all after it was closed', () => {
    const sent: number[] = [];
    const link: Link = {
      send(buffers) {
        sent.push(buffers[0]?.readUInt8(0) ?? 0);
        return true;
      },
      close() {},
      onBytes() {},
      onDrained() {},
      onClosed() {},
    };
    const box = new Outbox();
    box.attach(link);
    box.control(FrameType.open, 1, REQUEST);
    box.urgent(FrameType.hello, Buffer.alloc(4));
    assert.deepEqual(sent, [FrameType.hello]);
    box.start();
    assert.deepEqual(sent, [FrameType.hello, FrameType.open]);
    box.close(Buffer.alloc(2));
    box.urgent(FrameType.ping, Buffer.alloc(8));
    box.control(FrameType.open, 3, REQUEST);
    box.close(Buffer.alloc(2));
    box.drained();
    assert.deepEqual(sent, [FrameType.hello, FrameType.open, FrameType.close]);
  });
});
