import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { buildUdp, parseTcpEnds, parseUdp, type UdpPacket } from '../../../images/network/packet.ts';

const UDP: UdpPacket = {
  source: Buffer.from([10, 42, 0, 9]),
  sourcePort: 40_000,
  destination: Buffer.from([10, 43, 0, 10]),
  destinationPort: 53,
  payload: Buffer.from('question'),
};

/**
 * The ones' complement sum of RFC 1071 by its other definition: the remainder of the whole as one big number modulo
 * 2^16 - 1. It is 0 where a checksum is right, and what would be one where the field is 0.
 */
function onesComplement(bytes: Buffer): number {
  const even = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
  const rest = even.length === 0 ? 0n : BigInt(`0x${even.toString('hex')}`) % 0xffffn;
  return Number(rest);
}

/** The bytes of an IP header without options. */
const headerBytes = (packet: Buffer): number => (packet.readUInt8(0) === 0x45 ? 20 : 40);

/** The pseudo-header that the checksum of UDP counts in (RFC 768, RFC 8200 8.1); of the same sum for both families. */
function pseudoHeader(packet: Buffer): Buffer {
  const header = headerBytes(packet);
  const udpBytes = packet.length - header;
  const addresses = header === 20 ? packet.subarray(12, 20) : packet.subarray(8, 40);
  return Buffer.concat([addresses, Buffer.from([0, 17, udpBytes >> 8, udpBytes & 255])]);
}

const SIX: UdpPacket = {
  ...UDP,
  source: Buffer.from('fd000044000000000000000000000009', 'hex'),
  destination: Buffer.from('fd009600000000000000000000000010', 'hex'),
};

const addressOf = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((each) => Buffer.from(each));
const port = fc.integer({ min: 1, max: 65_535 });
const payload = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const anyUdp: fc.Arbitrary<UdpPacket> = fc
  .oneof(fc.constant(4), fc.constant(16))
  .chain((size) => fc.tuple(addressOf(size), port, addressOf(size), port, payload))
  .map(([source, sourcePort, destination, destinationPort, bytes]) => {
    return { source, sourcePort, destination, destinationPort, payload: bytes };
  });

/** The packet with some of its bytes changed. */
const changed = (bytes: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
};

/** The packet with `words` of options in its IP header. */
function withOptions(packet: Buffer, words: number): Buffer {
  const options = Buffer.alloc(words * 4, 1);
  const result = Buffer.concat([packet.subarray(0, 20), options, packet.subarray(20)]);
  result.writeUInt8(0x40 | (5 + words), 0);
  result.writeUInt16BE(result.length, 2);
  return result;
}

describe('a datagram in an IP packet', () => {
  it('comes out as it went in', () => {
    fc.assert(fc.property(anyUdp, (udp) => assert.deepEqual(parseUdp(buildUdp(udp)), udp)));
  });

  it('is none from or to a port that no socket has', () => {
    for (const end of ['sourcePort', 'destinationPort'])
      assert.equal(parseUdp(buildUdp({ ...UDP, [end]: 0 })), undefined);
  });

  it('has the header of RFC 791', () => {
    const packet = buildUdp(UDP);
    assert.equal(packet.length, 28 + 8);
    assert.equal(packet.readUInt8(0), 0x45);
    assert.equal(packet.readUInt16BE(2), packet.length);
    assert.equal(packet.readUInt8(8), 64);
    assert.equal(packet.readUInt8(9), 17);
    assert.deepEqual(packet.subarray(12, 16), UDP.source);
    assert.deepEqual(packet.subarray(16, 20), UDP.destination);
    assert.equal(packet.readUInt16BE(24), 8 + 8);
  });

  it('has the header of RFC 8200', () => {
    const packet = buildUdp(SIX);
    assert.equal(packet.length, 48 + 8);
    assert.equal(packet.readUInt32BE(0), 0x60000000);
    assert.equal(packet.readUInt16BE(4), 8 + 8);
    assert.deepEqual([...packet.subarray(6, 8)], [17, 64]);
    assert.deepEqual(packet.subarray(8, 40), Buffer.concat([SIX.source, SIX.destination]));
  });

  it('has right checksums, of the header and of the whole', () => {
    fc.assert(
      fc.property(anyUdp, (udp) => {
        const packet = buildUdp(udp);
        const header = headerBytes(packet);
        if (header === 20) assert.equal(onesComplement(packet.subarray(0, 20)), 0, 'the header’s');
        assert.equal(
          onesComplement(Buffer.concat([pseudoHeader(packet), packet.subarray(header)])),
          0,
          'UDP’s',
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it('is known by its checksums from another', () => {
    const packet = buildUdp(UDP);
    const other = changed(packet, (copy) => copy.writeUInt8(copy.readUInt8(30) ^ 1, 30));
    assert.notEqual(onesComplement(Buffer.concat([pseudoHeader(other), other.subarray(20)])), 0);
  });

  it('never has 0 for a checksum, which would mean "none"', () => {
    // A payload that makes the sum 0xffff, so that its complement is 0.
    const bare = buildUdp({ ...UDP, payload: Buffer.alloc(2) });
    const rest = Buffer.alloc(2);
    rest.writeUInt16BE(bare.readUInt16BE(26));
    assert.equal(buildUdp({ ...UDP, payload: rest }).readUInt16BE(26), 0xffff);
  });

  it('may be as large as IPv4 has them, and no larger', () => {
    const largest = Buffer.alloc(65_507, 7);
    assert.deepEqual(parseUdp(buildUdp({ ...UDP, payload: largest }))?.payload, largest);
    assert.throws(() => buildUdp({ ...UDP, payload: Buffer.alloc(65_508) }), RangeError);
    assert.equal(buildUdp({ ...SIX, payload: Buffer.alloc(65_527) }).length, 65_535 + 40);
    assert.throws(() => buildUdp({ ...SIX, payload: Buffer.alloc(65_528) }), RangeError);
  });

  it('is found behind options', () => {
    for (const words of [1, 5, 10]) assert.deepEqual(parseUdp(withOptions(buildUdp(UDP), words)), UDP);
  });

  it('is found before what the link has padded it with', () => {
    assert.deepEqual(parseUdp(Buffer.concat([buildUdp(UDP), Buffer.alloc(18)])), UDP);
    const short = changed(buildUdp(UDP), (copy) => copy.writeUInt16BE(8 + 3, 24));
    assert.deepEqual(parseUdp(short)?.payload, Buffer.from('que'));
  });
});

describe('a packet that is no whole datagram', () => {
  const packet = buildUdp(UDP);
  const CASES: readonly [name: string, bytes: Buffer][] = [
    ['an empty one', Buffer.alloc(0)],
    ['one of another version', changed(packet, (copy) => copy.writeUInt8(0x55, 0))],
    ['one of TCP', changed(packet, (copy) => copy.writeUInt8(6, 9))],
    ['one of ICMP', changed(packet, (copy) => copy.writeUInt8(1, 9))],
    ['a header that is too short', changed(packet, (copy) => copy.writeUInt8(0x44, 0))],
    ['a header beyond the packet', changed(packet, (copy) => copy.writeUInt8(0x4f, 0))],
    ['a first fragment', changed(packet, (copy) => copy.writeUInt16BE(0x2000, 6))],
    ['a later fragment', changed(packet, (copy) => copy.writeUInt16BE(0x0001, 6))],
    ['the last fragment', changed(packet, (copy) => copy.writeUInt16BE(0x1fff, 6))],
    ['a length beyond the packet', changed(packet, (copy) => copy.writeUInt16BE(packet.length + 1, 2))],
    ['a length within the headers', changed(packet, (copy) => copy.writeUInt16BE(27, 2))],
    ['a datagram beyond its packet', changed(packet, (copy) => copy.writeUInt16BE(packet.length, 24))],
    ['a datagram shorter than its header', changed(packet, (copy) => copy.writeUInt16BE(7, 24))],
  ];
  const six = buildUdp(SIX);
  const CASES_OF_SIX: readonly [name: string, bytes: Buffer][] = [
    ['one of TCP in IPv6', changed(six, (copy) => copy.writeUInt8(6, 6))],
    ['an extension header before it', changed(six, (copy) => copy.writeUInt8(44, 6))],
    ['a length beyond the packet in IPv6', changed(six, (copy) => copy.writeUInt16BE(17, 4))],
    ['a datagram beyond its packet in IPv6', changed(six, (copy) => copy.writeUInt16BE(17, 44))],
  ];
  for (const [name, bytes] of [...CASES, ...CASES_OF_SIX]) {
    it(`is none: ${name}`, () => assert.equal(parseUdp(bytes), undefined));
  }

  it('is none wherever it is cut off', () => {
    for (let length = 0; length < packet.length; length++) {
      assert.equal(parseUdp(packet.subarray(0, length)), undefined, `${length} bytes`);
    }
    for (let length = 0; length < six.length; length++) {
      assert.equal(parseUdp(six.subarray(0, length)), undefined, `${length} bytes of IPv6`);
    }
  });

  it('that may not be fragmented is one', () => {
    assert.deepEqual(parseUdp(changed(packet, (copy) => copy.writeUInt16BE(0x4000, 6))), UDP);
  });

  it('never throws, whatever it is', () => {
    const bytes = fc.uint8Array({ maxLength: 100 }).map((each) => Buffer.from(each));
    const like = fc
      .tuple(anyUdp, fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 4 }), fc.nat(80))
      .map(([udp, changes, length]) => {
        const whole = buildUdp(udp);
        for (const [at, value] of changes) if (at < whole.length) whole.writeUInt8(value, at);
        return whole.subarray(0, length);
      });
    fc.assert(
      fc.property(fc.oneof(bytes, like), (given) => {
        const udp = parseUdp(given);
        if (udp) assert.ok(udp.payload.length <= given.length - 28);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('a TCP segment', () => {
  const segment = Buffer.from(
    '4500003c1c4640004006b1e60a2a00090a2b0001' + '9c400050000000010000000050021000e57c0000',
    'hex',
  );

  it('says where it comes from and goes to', () => {
    const ends = { source: '10.42.0.9', sourcePort: 40_000, host: '10.43.0.1', port: 80 };
    assert.deepEqual(parseTcpEnds(segment), ends);
    assert.deepEqual(parseTcpEnds(segment.subarray(0, 24)), ends, 'its ports are enough');
  });

  it('is nothing else, a later fragment or a piece of a header included', () => {
    assert.equal(parseTcpEnds(buildUdp(UDP)), undefined);
    for (const bytes of [0, 19, 23]) assert.equal(parseTcpEnds(segment.subarray(0, bytes)), undefined);
    const fragment = Buffer.from(segment);
    fragment.writeUInt16BE(0x0001, 6);
    assert.equal(parseTcpEnds(fragment), undefined);
    const other = Buffer.from(segment);
    other.writeUInt8(0x55, 0);
    assert.equal(parseTcpEnds(other), undefined);
  });

  it('is found in IPv6 as well', () => {
    const header = buildUdp(SIX).subarray(0, 40);
    header.writeUInt8(6, 6);
    header.writeUInt16BE(20, 4);
    const ends = { source: 'fd00:44::9', sourcePort: 40_000, host: 'fd00:9600::10', port: 80 };
    assert.deepEqual(parseTcpEnds(Buffer.concat([header, segment.subarray(20)])), ends);
    assert.equal(parseTcpEnds(header), undefined);
  });
});
