import { ResetCode } from '../../src/tunnel/errors.ts';
import { allocateIp, checksum, pseudoHeaderSum } from './ip-packet.ts';
import { buildUdp, type UdpPacket } from './packet.ts';

/** "Destination unreachable" of ICMP (RFC 792) and ICMPv6 (RFC 4443), as the peer's machine or its router sends it. */

const ICMP_HEADER_BYTES = 8;

interface IcmpFamily {
  protocol: number;
  /** The type of the message. */
  unreachable: number;
  /** Its code where nobody listens on the port, and of what no router knows. */
  port: number;
  codes: ReadonlyMap<ResetCode, number>;
}

const V4: IcmpFamily = {
  protocol: 1,
  unreachable: 3,
  port: 3,
  codes: new Map([
    [ResetCode.networkUnreachable, 0],
    [ResetCode.hostUnreachable, 1],
  ]),
};

const V6: IcmpFamily = {
  protocol: 58,
  unreachable: 1,
  port: 4,
  codes: new Map([
    [ResetCode.networkUnreachable, 0],
    [ResetCode.hostUnreachable, 3],
  ]),
};

/** An IP packet that tells the sender of `sent` that it did not arrive. */
export function buildUnreachable(sent: UdpPacket, code: ResetCode): Buffer {
  const six = sent.source.length === 16;
  const { protocol, unreachable, port, codes } = six ? V6 : V4;
  // What it quotes, the headers of what was sent, is how the kernel finds the socket.
  const quoted = buildUdp(sent);
  const quotedBytes = quoted.length - sent.payload.length;
  const ends = { source: sent.destination, destination: sent.source };
  const bytes = ICMP_HEADER_BYTES + quotedBytes;
  const { packet, offset } = allocateIp(ends, protocol, bytes);
  packet.writeUInt8(unreachable, offset);
  packet.writeUInt8(codes.get(code) ?? port, offset + 1);
  quoted.copy(packet, offset + ICMP_HEADER_BYTES, 0, quotedBytes);
  // Only ICMPv6 counts in the pseudo-header.
  const initial = six ? pseudoHeaderSum(ends, protocol, bytes) : 0;
  packet.writeUInt16BE(checksum(packet.subarray(offset), initial), offset + 2);
  return packet;
}
