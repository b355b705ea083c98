import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildUnreachable } from '../../../images/network/icmp.ts';
import { checksum, pseudoHeaderSum } from '../../../images/network/ip-packet.ts';
import { buildUdp } from '../../../images/network/packet.ts';
import { ResetCode } from '../../../src/tunnel/errors.ts';

const SENT = {
  source: Buffer.from([10, 42, 0, 9]),
  sourcePort: 40_000,
  destination: Buffer.from([10, 43, 0, 10]),
  destinationPort: 9,
  payload: Buffer.from('anybody there?'),
};

describe('an ICMP error about a datagram', () => {
  for (const [code, icmp] of [
    ['connectionRefused', 3],
    ['hostUnreachable', 1],
    ['networkUnreachable', 0],
    ['internal', 3],
  ] as const) {
    it(`is of code ${icmp} for ${code}`, () => {
      assert.deepEqual([...buildUnreachable(SENT, ResetCode[code]).subarray(20, 22)], [3, icmp]);
    });
  }

  it('comes from where the datagram went, and quotes its headers', () => {
    const packet = buildUnreachable(SENT, ResetCode.connectionRefused);
    assert.equal(packet.readUInt16BE(2), packet.length);
    assert.equal(packet.readUInt8(9), 1);
    assert.deepEqual([...packet.subarray(12, 20)], [...SENT.destination, ...SENT.source]);
    assert.deepEqual(packet.subarray(28), buildUdp(SENT).subarray(0, 28));
  });

  it('has right checksums', () => {
    const packet = buildUnreachable(SENT, ResetCode.connectionRefused);
    assert.equal(checksum(packet.subarray(0, 20)), 0);
    assert.equal(checksum(packet.subarray(20)), 0);
  });

  describe('about one of IPv6', () => {
    const six = {
      ...SENT,
      source: Buffer.from('fd000044000000000000000000000009', 'hex'),
      destination: Buffer.from('fd009600000000000000000000000010', 'hex'),
    };
    for (const [code, icmp] of [
      ['connectionRefused', 4],
      ['hostUnreachable', 3],
      ['networkUnreachable', 0],
    ] as const) {
      it(`is of code ${icmp} for ${code}, with a right checksum`, () => {
        const packet = buildUnreachable(six, ResetCode[code]);
        assert.deepEqual([...packet.subarray(40, 42)], [1, icmp]);
        assert.equal(packet.readUInt8(6), 58);
        assert.deepEqual(packet.subarray(8, 40), Buffer.concat([six.destination, six.source]));
        assert.deepEqual(packet.subarray(48), buildUdp(six).subarray(0, 48));
        const ends = { source: six.destination, destination: six.source };
        assert.equal(checksum(packet.subarray(40), pseudoHeaderSum(ends, 58, packet.length - 40)), 0);
      });
    }
  });
});
