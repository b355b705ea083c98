import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodePreamble, encodePreamble, PREAMBLE_BYTES, TOKEN_BYTES } from '../../src/tunnel/preamble.ts';

const anyToken = fc
  .uint8Array({ minLength: TOKEN_BYTES, maxLength: TOKEN_BYTES })
  .map((bytes) => Buffer.from(bytes));

describe('the preamble', () => {
  it('carries the token', () => {
    fc.assert(
      fc.property(anyToken, (token) => {
        const bytes = encodePreamble(token);
        assert.equal(bytes.length, PREAMBLE_BYTES);
        assert.deepEqual(decodePreamble(bytes), token);
      }),
    );
  });

  it('has the layout that the specification gives', () => {
    const bytes = encodePreamble(Buffer.alloc(32, 0xab));
    assert.equal(bytes.toString('hex'), `${Buffer.from('tplink').toString('hex')}01${'ab'.repeat(32)}`);
  });

  it('is not taken with any byte before the token changed, another version among them', () => {
    fc.assert(
      fc.property(
        anyToken,
        fc.integer({ min: 0, max: PREAMBLE_BYTES - TOKEN_BYTES - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (token, at, change) => {
          const bytes = encodePreamble(token);
          bytes.writeUInt8(bytes.readUInt8(at) ^ change, at);
          assert.equal(decodePreamble(bytes), undefined);
        },
      ),
    );
  });

  it('is not taken at another length', () => {
    const bytes = encodePreamble(Buffer.alloc(32));
    assert.equal(decodePreamble(bytes.subarray(0, -1)), undefined);
    assert.equal(decodePreamble(Buffer.concat([bytes, Buffer.alloc(1)])), undefined);
    assert.equal(decodePreamble(Buffer.alloc(0)), undefined);
  });

  it('is not made for a token of another length', () => {
    for (const length of [0, TOKEN_BYTES - 1, TOKEN_BYTES + 1]) {
      assert.throws(() => encodePreamble(Buffer.alloc(length)), RangeError);
    }
  });
});
