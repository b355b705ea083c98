import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeReason, decodeUint32, FrameDecoder } from '../../src/tunnel/decode.ts';
import { encodeFrame, encodeHeader, encodeReason, encodeUint32 } from '../../src/tunnel/encode.ts';
import { CloseCode, TunnelError } from '../../src/tunnel/errors.ts';
import {
  ASK_FLAG,
  FRAME_RULES,
  type Frame,
  FrameType,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  nextSequence,
} from '../../src/tunnel/frame.ts';
import { pattern } from './bytes.ts';

const TYPES = Object.values(FrameType);
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

const ruleOf = (type: FrameType) => {
  const rule = FRAME_RULES.get(type);
  if (!rule) throw new Error(`no rule for ${type}`);
  return rule;
};

/** Any frame that keeps the rules; large payloads are rare, to keep runs short. */
const anyFrame: fc.Arbitrary<Frame> = fc.constantFrom(...TYPES).chain((type) => {
  const { min, max, sequenced } = ruleOf(type);
  const length = fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min, max: Math.min(max, 300) }) },
    { weight: 1, arbitrary: fc.constantFrom(min, max) },
  );
  const fields = {
    type: fc.constant(type),
    stream: sequenced ? fc.integer({ min: 1, max: 0xffff_ffff }) : fc.constant(0),
    sequence: sequenced ? uint32 : fc.constant(0),
    ask: sequenced ? fc.boolean() : fc.constant(false),
    payload: fc.tuple(length, fc.nat(255)).map(([size, start]) => pattern(size, start)),
  };
  return fc.record(fields, { noNullPrototype: true });
});

/** Cuts bytes into chunks of the given sizes, over and over. */
function* chunksOf(bytes: Buffer, sizes: number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const broken = (message: RegExp) => (error: unknown) =>
  error instanceof TunnelError && error.code === CloseCode.protocolError && message.test(error.message);

describe('frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(100_000)), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 12 }), sizes, (frames, cuts) => {
        const decoder = new FrameDecoder();
        const bytes = Buffer.concat(frames.map(encodeFrame));
        const decoded = [...chunksOf(bytes, cuts)].flatMap((chunk) => [...decoder.push(chunk)]);
        assert.deepEqual(decoded, frames);
      }),
      { numRuns: 200 },
    );
  });

  it('come out as they went in, byte by byte', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 4 }), (frames) => {
        const decoder = new FrameDecoder();
        const bytes = Buffer.concat(frames.map(encodeFrame));
        const decoded = [...chunksOf(bytes, [1])].flatMap((chunk) => [...decoder.push(chunk)]);
        assert.deepEqual(decoded, frames);
      }),
      { numRuns: 50 },
    );
  });

  it('have the layout that the specification gives', () => {
    const payload = Buffer.from([0xaa, 0xbb]);
    const frame = encodeFrame({ type: FrameType.data, stream: 0x01020304, sequence: 0xfffefdfc, payload });
    assert.equal(frame.toString('hex'), `12000000${'01020304'}${'fffefdfc'}${'00000002'}aabb`);
  });

  it('are given as soon as their last byte is there', () => {
    const first = encodeFrame({ type: FrameType.end, stream: 1, sequence: 0, payload: Buffer.alloc(0) });
    const second = encodeFrame({ type: FrameType.data, stream: 1, sequence: 1, payload: Buffer.alloc(9) });
    const decoder = new FrameDecoder();
    const counts = [...Buffer.concat([first, second])].map(
      (byte) => [...decoder.push(Buffer.from([byte]))].length,
    );
    const given = counts.flatMap((count, at) => (count > 0 ? [at] : []));
    assert.deepEqual(given, [HEADER_BYTES - 1, first.length + second.length - 1]);
    assert.equal(Math.max(...counts), 1);
  });

  it('share the memory of a chunk that holds them whole', () => {
    const chunk = encodeFrame({
      type: FrameType.data,
      stream: 1,
      sequence: 0,
      payload: Buffer.alloc(MAX_PAYLOAD_BYTES, 1),
    });
    const [frame] = [...new FrameDecoder().push(chunk)];
    assert.equal(frame?.payload.buffer, chunk.buffer);
  });
});

describe('a broken header', () => {
  /** A header with what the test changes; it is all the decoder gets: the payload never comes. */
  const header = (change: (bytes: Buffer) => void, type: FrameType = FrameType.data) => {
    const { min, sequenced } = ruleOf(type);
    const bytes = encodeHeader(type, sequenced ? 1 : 0, 0, min);
    change(bytes);
    return bytes;
  };
  const rejected = (bytes: Buffer, message: RegExp) => {
    assert.throws(() => [...new FrameDecoder().push(bytes)], broken(message));
  };

  it('is rejected for every type that does not exist', () => {
    for (let type = 0; type < 256; type++) {
      if (FRAME_RULES.has(type)) continue;
      rejected(
        header((bytes) => bytes.writeUInt8(type, 0)),
        /unknown frame type/,
      );
    }
  });

  it('is rejected for each flag and reserved bit', () => {
    for (const type of TYPES) {
      for (let bit = 0; bit < 24; bit++) {
        if (2 ** bit === ASK_FLAG << 16 && ruleOf(type).sequenced) continue;
        rejected(
          header((bytes) => bytes.writeUIntBE(2 ** bit, 1, 3), type),
          /reserved/,
        );
      }
    }
  });

  it('is rejected for a length just outside what its type allows, before any of the payload', () => {
    for (const type of TYPES) {
      const { min, max } = ruleOf(type);
      for (const length of [min - 1, max + 1, 0xffff_ffff]) {
        if (length >= 0)
          rejected(
            header((bytes) => bytes.writeUInt32BE(length, 12), type),
            /frame of \d+ bytes/,
          );
      }
    }
  });

  it('is rejected for a stream number where none belongs, and for none where one does', () => {
    for (const type of TYPES) {
      const stream = ruleOf(type).sequenced ? 0 : 1;
      rejected(
        header((bytes) => bytes.writeUInt32BE(stream, 4), type),
        /on stream/,
      );
    }
  });

  it('is rejected for a sequence number outside the sequence', () => {
    for (const type of TYPES) {
      if (ruleOf(type).sequenced) continue;
      rejected(
        header((bytes) => bytes.writeUInt32BE(1, 8), type),
        /sequence number/,
      );
    }
  });

  it('never asks for a payload above the largest, which is what a socket read gives', () => {
    assert.equal(MAX_PAYLOAD_BYTES, 65536);
    assert.equal(Math.max(...TYPES.map((type) => ruleOf(type).max)), MAX_PAYLOAD_BYTES);
  });
});

describe('payloads', () => {
  it('carry every 32-bit number', () => {
    fc.assert(fc.property(uint32, (value) => assert.equal(decodeUint32(encodeUint32(value)), value)));
  });

  it('carry every code and reason, cut to fit its frame', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), fc.string({ unit: 'grapheme' }), (code, text) => {
        const reason = text.replace(/\p{Cc}/gu, ' ');
        assert.deepEqual(decodeReason(encodeReason(code, reason)), { code, reason });
      }),
    );
    for (const unit of ['x', '€']) {
      const payload = encodeReason(1, unit.repeat(1000));
      assert.equal(payload.length, FRAME_RULES.get(FrameType.reset)?.max);
      assert.equal(payload.length, FRAME_RULES.get(FrameType.close)?.max);
      assert.equal(decodeReason(payload).reason, unit.repeat(510 / Buffer.byteLength(unit)));
    }
  });

  it('cannot control the terminal that shows a reason', () => {
    const { reason } = decodeReason(encodeReason(1, 'no\u001b[2J\u0007\r\nway\u009b'));
    assert.equal(reason, 'no [2J   way ');
  });

  it('of the wrong length are our own bug, and are not encoded', () => {
    for (const type of TYPES) {
      const { min, max, sequenced } = ruleOf(type);
      for (const length of [min - 1, max + 1]) {
        if (length < 0) continue;
        const frame = { type, stream: sequenced ? 1 : 0, sequence: 0, payload: Buffer.alloc(length) };
        assert.throws(() => encodeFrame(frame), RangeError);
      }
    }
  });
});

describe('sequence numbers', () => {
  it('wrap around at 2^32', () => {
    assert.equal(nextSequence(0), 1);
    assert.equal(nextSequence(0x7fff_ffff), 0x8000_0000);
    assert.equal(nextSequence(0xffff_fffe), 0xffff_ffff);
    assert.equal(nextSequence(0xffff_ffff), 0);
  });
});
