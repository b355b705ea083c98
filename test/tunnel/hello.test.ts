import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CloseCode, TunnelError } from '../../src/tunnel/errors.ts';
import { FRAME_RULES, FrameType, PROTOCOL_VERSION } from '../../src/tunnel/frame.ts';
import { decodeHello, encodeHello, type Hello } from '../../src/tunnel/hello.ts';
import { HELLO } from './raw-peer.ts';

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const anyHello: fc.Arbitrary<Hello> = fc.record(
  {
    role: fc.constantFrom('agent', 'control', 'proxy'),
    session: fc.stringMatching(/^[a-z0-9-]{1,63}$/),
    window: uint32,
    streams: uint32,
    expected: uint32,
  },
  { noNullPrototype: true },
);

/** A payload with `tp`, a version and whatever text is said to be JSON. */
const raw = (text: string | Buffer, version = PROTOCOL_VERSION) =>
  Buffer.concat([Buffer.from([0x74, 0x70, version >> 8, version & 255]), Buffer.from(text)]);

const malformed = (payload: Buffer) =>
  assert.throws(
    () => decodeHello(payload),
    (error) =>
      error instanceof TunnelError &&
      error.code === CloseCode.protocolError &&
      /malformed hello/.test(error.message),
    payload.toString('latin1'),
  );

describe('hello', () => {
  it('says what it was given, and fits its frame', () => {
    fc.assert(
      fc.property(anyHello, (hello) => {
        const payload = encodeHello(hello);
        assert.deepEqual(decodeHello(payload), hello);
        assert.ok(payload.length <= (FRAME_RULES.get(FrameType.hello)?.max ?? 0));
      }),
    );
  });

  it('starts with `tp` and the version, whatever follows', () => {
    assert.equal(encodeHello(HELLO).subarray(0, 4).toString('hex'), '74700002');
  });

  it('may say more than this version knows', () => {
    assert.deepEqual(decodeHello(raw(JSON.stringify({ ...HELLO, more: [1] }))), HELLO);
  });

  it('of another version is told by both numbers, whatever its JSON looks like', () => {
    for (const version of [0, 1, PROTOCOL_VERSION + 1, 0xffff]) {
      assert.throws(
        () => decodeHello(raw('\u0000 no JSON', version)),
        (error) =>
          error instanceof TunnelError &&
          error.code === CloseCode.versionMismatch &&
          error.message === `the peer speaks version ${version} of the tunnel, this is version 2`,
      );
    }
  });

  it('is malformed without the magic', () => {
    const payload = encodeHello(HELLO);
    payload.writeUInt8(0x54, 0);
    malformed(payload);
    malformed(Buffer.alloc(4));
  });

  it('is malformed where the JSON is none, or no object', () => {
    for (const text of ['', '{', 'null', 'true', 'a_b', '"agent"', '[]', '[{}]', '{}', '{"role":1}', '{]']) {
      malformed(raw(text));
    }
    malformed(raw(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])));
  });

  it('is malformed with any field missing or of another kind', () => {
    const wrong = [
      undefined,
      null,
      true,
      -1,
      1.5,
      2 ** 32,
      1e300,
      '',
      'a_b',
      'AGENT',
      'a\n',
      'ä',
      [],
      {},
      ['agent'],
    ];
    for (const field of Object.keys(HELLO)) {
      for (const value of wrong) malformed(raw(JSON.stringify({ ...HELLO, [field]: value })));
    }
    malformed(raw(JSON.stringify({ ...HELLO, session: 'a'.repeat(64) })));
    malformed(raw(JSON.stringify({ ...HELLO, role: 'toString' })));
    malformed(raw(JSON.stringify(HELLO).replace('"expected":0', '"expected":NaN')));
  });

  it('is a hello or a TunnelError, whatever comes', () => {
    const tries = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => raw(json)),
      fc
        .tuple(anyHello, fc.dictionary(fc.constantFrom(...Object.keys(HELLO), '__proto__'), fc.jsonValue()))
        .map(([hello, other]) => raw(JSON.stringify({ ...hello, ...other }))),
      fc.string({ unit: 'binary' }).map((text) => raw(text)),
    );
    fc.assert(
      fc.property(tries, (payload) => {
        try {
          const hello = decodeHello(payload);
          assert.deepEqual(Object.keys(hello), Object.keys(HELLO));
        } catch (error) {
          assert.ok(error instanceof TunnelError, String(error));
        }
      }),
      { numRuns: 200 },
    );
  });
});
