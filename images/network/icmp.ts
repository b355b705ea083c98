import { ResetCode } from '../../src/tunnel/errors.ts';
import { buildUdp, checksum, type UdpPacket } from './packet.ts';

/** "Destination unreachable" of ICMP (RFC 792), as the peer's machine or its router sends it. */

const IPV4_HEADER_BYTES = 20;
const ICMP_HEADER_BYTES = 8;
const PROTOCOL_ICMP = 1;
const TTL = 64;
const UNREACHABLE = 3;

/** Codes: of a port where nobody listens, and of those that no router knows. */
const NETWORK = 0;
const HOST = 1;
const PORT = 3;

const CODES: ReadonlyMap<ResetCode, number> = new Map([
  [ResetCode.hostUnreachable, HOST],
  [ResetCode.networkUnreachable, NETWORK],
]);

/** An IPv4 packet that tells the sender of `sent` that it did not arrive. */
export function buildUnreachable(sent: UdpPacket, code: ResetCode): Buffer {
  // What it quotes, the headers of what was sent, is how the kernel finds the socket.
  const quoted = buildUdp(sent).subarray(0, IPV4_HEADER_BYTES + 8);
  const packet = Buffer.alloc(IPV4_HEADER_BYTES + ICMP_HEADER_BYTES + quoted.length);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt8(TTL, 8);
  packet.writeUInt8(PROTOCOL_ICMP, 9);
  sent.destination.copy(packet, 12);
  sent.source.copy(packet, 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, IPV4_HEADER_BYTES)), 10);
  const message = packet.subarray(IPV4_HEADER_BYTES);
  message.writeUInt8(UNREACHABLE, 0);
  message.writeUInt8(CODES.get(code) ?? PORT, 1);
  quoted.copy(message, ICMP_HEADER_BYTES);
  message.writeUInt16BE(checksum(message), 2);
  return packet;
}
