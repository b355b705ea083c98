import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Datagram,
  DatagramDecoder,
  encodeDatagram,
  MAX_DATAGRAM_BYTES,
} from '../../src/tunnel/datagram.ts';
import { CloseCode, TunnelError } from '../../src/tunnel/errors.ts';

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((b) => Buffer.from(b));
const anyDatagram: fc.Arbitrary<Datagram> = fc.record(
  {
    address: fc.oneof(bytes(4), bytes(16)),
    port: fc.integer({ min: 0, max: 65535 }),
    payload: fc.uint8Array({ maxLength: 100 }).map((b) => Buffer.from(b)),
  },
  { noNullPrototype: true },
);

describe('datagrams', () => {
  it('come out as they went in, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyDatagram, { maxLength: 8 }),
        fc.integer({ min: 1, max: 60 }),
        (datagrams, size) => {
          const all = Buffer.concat(datagrams.map(encodeDatagram));
          const decoder = new DatagramDecoder();
          const decoded: Datagram[] = [];
          for (let at = 0; at < all.length; at += size)
            decoded.push(...decoder.push(all.subarray(at, at + size)));
          assert.deepEqual(decoded, datagrams);
        },
      ),
    );
  });

  it('have the layout that the specification gives', () => {
    const datagram = { address: Buffer.from([10, 0, 0, 1]), port: 53, payload: Buffer.from([0xaa]) };
    assert.equal(encodeDatagram(datagram).toString('hex'), '0008040a000001' + '0035' + 'aa');
  });

  it('may be empty, and as large as UDP allows', () => {
    for (const length of [0, 65_507, MAX_DATAGRAM_BYTES]) {
      const datagram = { address: Buffer.alloc(16, 1), port: 1, payload: Buffer.alloc(length, 2) };
      assert.deepEqual([...new DatagramDecoder().push(encodeDatagram(datagram))], [datagram]);
    }
  });

  it('are not made of what does not fit', () => {
    const datagram = { address: Buffer.alloc(4), port: 1, payload: Buffer.alloc(0) };
    for (const address of [Buffer.alloc(0), Buffer.alloc(5)]) {
      assert.throws(() => encodeDatagram({ ...datagram, address }), RangeError);
    }
    const payload = Buffer.alloc(MAX_DATAGRAM_BYTES + 1);
    assert.throws(() => encodeDatagram({ ...datagram, payload }), RangeError);
    assert.throws(() => encodeDatagram({ ...datagram, port: 65536 }), RangeError);
  });

  it('are a TunnelError where they are malformed', () => {
    for (const hex of ['0000', '000104', '0006040a00000100', '0008050a000001003500']) {
      assert.throws(
        () => [...new DatagramDecoder().push(Buffer.from(hex, 'hex'))],
        (error) => error instanceof TunnelError && error.code === CloseCode.protocolError,
        hex,
      );
    }
  });

  it('are datagrams or a TunnelError, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        const decoder = new DatagramDecoder();
        try {
          for (const chunk of chunks) for (const _ of decoder.push(Buffer.from(chunk)));
        } catch (error) {
          assert.ok(error instanceof TunnelError, String(error));
        }
      }),
    );
  });
});
