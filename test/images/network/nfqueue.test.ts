import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  bindRequests,
  errnoOf,
  parsePackets,
  Verdict,
  verdictMessage,
} from '../../../images/network/nfqueue.ts';

/** Byte by byte as linux/netlink.h, nfnetlink.h and nfnetlink_queue.h have them, for queue 1. */
const BIND = '1c000000020305000000000000000000000000010800010001000000';
const PARAMS = '2000000002030500000000000000000000000001090002000000008002000000';

const hex = (text: string) => Buffer.from(text, 'hex');

/** A message of the kernel: nlmsghdr, nfgenmsg, NFQA_PACKET_HDR (1) and NFQA_PAYLOAD (10). */
function packetMessage(id: number, payload: Buffer): Buffer {
  const padded = Buffer.alloc(Math.ceil(payload.length / 4) * 4);
  payload.copy(padded);
  const whole = Buffer.alloc(20 + 12 + 4 + padded.length);
  whole.writeUInt32LE(whole.length, 0);
  whole.writeUInt16LE(0x300, 4);
  whole.writeUInt16LE(11, 20);
  whole.writeUInt16LE(1, 22);
  whole.writeUInt32BE(id, 24);
  whole.writeUInt16LE(4 + payload.length, 32);
  whole.writeUInt16LE(10, 34);
  padded.copy(whole, 36);
  return whole;
}

describe('messages of the packet queue', () => {
  it('ask for the beginnings of its packets', () => {
    assert.deepEqual(
      bindRequests(1, 128).map((request) => request.toString('hex')),
      [BIND, PARAMS],
    );
  });

  it('say what becomes of a packet, with a mark or without', () => {
    const plain = verdictMessage(1, 0x01020304, Verdict.accept);
    assert.equal(plain.toString('hex'), `20000000010301000000000000000000000000010c0002000000000101020304`);
    const marked = verdictMessage(1, 5, Verdict.drop, 0x11);
    assert.equal(
      marked.toString('hex'),
      '28000000010301000000000000000000000000010c000200000000000000000508000300' + '00000011',
    );
  });

  it('are answered by an errno', () => {
    const answer = Buffer.alloc(36);
    answer.writeUInt16LE(2, 4);
    assert.equal(errnoOf(answer), 0);
    answer.writeInt32LE(-16, 16);
    assert.equal(errnoOf(answer), 16);
    assert.throws(() => errnoOf(hex(PARAMS)), /not an answer/);
    assert.throws(() => errnoOf(Buffer.alloc(3)), /not an answer/);
  });

  it('bring packets, several in one read too', () => {
    const one = packetMessage(1, Buffer.from('abc'));
    const two = packetMessage(0xfffffffe, Buffer.from('defgh'));
    assert.deepEqual(
      parsePackets(Buffer.concat([one, hex(PARAMS), two])).map(({ id, bytes }) => [id, `${bytes}`]),
      [
        [1, 'abc'],
        [0xfffffffe, 'defgh'],
      ],
    );
  });

  it('that are cut or made up never throw, and never bring more than was read', () => {
    const message = fc
      .tuple(fc.uint8Array({ maxLength: 60 }), fc.array(fc.tuple(fc.nat(90), fc.nat(255))), fc.nat(100))
      .map(([payload, changes, length]) => {
        const whole = packetMessage(9, Buffer.from(payload));
        for (const [at, value] of changes) if (at < whole.length) whole.writeUInt8(value, at);
        return whole.subarray(0, length);
      });
    fc.assert(
      fc.property(message, (read) => {
        for (const { bytes } of parsePackets(read)) assert.ok(bytes.length <= read.length);
      }),
      { numRuns: 3_000 },
    );
  });
});
