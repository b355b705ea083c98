import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CloseCode, TunnelError } from '../../src/tunnel/errors.ts';
import { encodeMessage, MAX_MESSAGE_BYTES, MessageDecoder } from '../../src/tunnel/message.ts';

const protocolError = (message: RegExp) => (error: unknown) =>
  error instanceof TunnelError && error.code === CloseCode.protocolError && message.test(error.message);

describe('messages', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const value = fc.jsonValue({ stringUnit: 'binary' });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), fc.integer({ min: 1, max: 50 }), (messages, size) => {
        const bytes = Buffer.concat(messages.map(encodeMessage));
        const decoder = new MessageDecoder();
        const decoded: unknown[] = [];
        for (let at = 0; at < bytes.length; at += size)
          decoded.push(...decoder.push(bytes.subarray(at, at + size)));
        assert.deepEqual(decoded, JSON.parse(JSON.stringify(messages)));
      }),
    );
  });

  it('may be as long as the limit, and no longer', () => {
    const longest = encodeMessage('x'.repeat(MAX_MESSAGE_BYTES - 2));
    assert.equal([...new MessageDecoder().push(longest)].length, 1);
    const tooLong = encodeMessage('x'.repeat(MAX_MESSAGE_BYTES - 1));
    assert.throws(() => [...new MessageDecoder().push(tooLong)], protocolError(/more than/));
  });

  it('are limited each, not together', () => {
    const decoder = new MessageDecoder();
    const message = encodeMessage('x'.repeat(MAX_MESSAGE_BYTES / 2));
    for (let count = 0; count < 4; count++) assert.equal([...decoder.push(message)].length, 1);
  });

  it('are not waited for beyond the limit', () => {
    const decoder = new MessageDecoder();
    const part = Buffer.alloc(64 * 1024, 'x');
    for (let held = 0; held < MAX_MESSAGE_BYTES; held += part.length) {
      assert.deepEqual([...decoder.push(part)], []);
    }
    assert.throws(() => [...decoder.push(Buffer.from('x'))], protocolError(/more than/));
  });

  it('that are no JSON are an error', () => {
    for (const text of ['\n', 'x\n', '{"a":1\n', '{}{}\n']) {
      assert.throws(() => [...new MessageDecoder().push(Buffer.from(text))], protocolError(/not JSON/));
    }
  });

  it('before a broken one are given', () => {
    const given: unknown[] = [];
    assert.throws(
      () => {
        for (const message of new MessageDecoder().push(Buffer.from('1\n2\nx\n'))) given.push(message);
      },
      protocolError(/not JSON/),
    );
    assert.deepEqual(given, [1, 2]);
  });
});
