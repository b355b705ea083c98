import { formatAddress } from '../address.ts';

/** IPv4, UDP and TCP headers, as far as the agent needs them (RFC 791, RFC 768, RFC 9293). */

const IPV4_HEADER_BYTES = 20;
const UDP_HEADER_BYTES = 8;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const TTL = 64;

/** Addresses are 4 bytes. */
export interface UdpPacket {
  source: Buffer;
  sourcePort: number;
  destination: Buffer;
  destinationPort: number;
  payload: Buffer;
}

/** Where a TCP segment comes from and goes to. */
export interface TcpEnds {
  source: string;
  sourcePort: number;
  host: string;
  port: number;
}

/** The ends of the TCP segment in an IPv4 packet, of which the first bytes are enough; undefined for anything else. */
export function parseTcpEnds(packet: Buffer): TcpEnds | undefined {
  if (packet.length < IPV4_HEADER_BYTES || packet.readUInt8(0) >> 4 !== 4) return undefined;
  const headerBytes = (packet.readUInt8(0) & 0x0f) * 4;
  const offset = packet.readUInt16BE(6) & 0x1fff;
  if (headerBytes < IPV4_HEADER_BYTES || offset !== 0 || packet.length < headerBytes + 4) return undefined;
  if (packet.readUInt8(9) !== PROTOCOL_TCP) return undefined;
  return {
    source: formatAddress(packet.subarray(12, 16)),
    host: formatAddress(packet.subarray(16, 20)),
    sourcePort: packet.readUInt16BE(headerBytes),
    port: packet.readUInt16BE(headerBytes + 2),
  };
}

/** The UDP datagram in an IPv4 packet; undefined for anything else: fragments, malformed packets, ports that no socket has. */
export function parseUdp(packet: Buffer): UdpPacket | undefined {
  if (packet.length < IPV4_HEADER_BYTES || packet.readUInt8(0) >> 4 !== 4) return undefined;
  const headerBytes = (packet.readUInt8(0) & 0x0f) * 4;
  const totalBytes = packet.readUInt16BE(2);
  const fragment = packet.readUInt16BE(6) & 0x3fff; // "more fragments" and the offset
  if (headerBytes < IPV4_HEADER_BYTES || totalBytes > packet.length || fragment !== 0) return undefined;
  if (packet.readUInt8(9) !== PROTOCOL_UDP || totalBytes < headerBytes + UDP_HEADER_BYTES) return undefined;
  const udpBytes = packet.readUInt16BE(headerBytes + 4);
  if (udpBytes < UDP_HEADER_BYTES || headerBytes + udpBytes > totalBytes) return undefined;
  const sourcePort = packet.readUInt16BE(headerBytes);
  const destinationPort = packet.readUInt16BE(headerBytes + 2);
  if (sourcePort === 0 || destinationPort === 0) return undefined;
  return {
    source: packet.subarray(12, 16),
    destination: packet.subarray(16, 20),
    sourcePort,
    destinationPort,
    payload: packet.subarray(headerBytes + UDP_HEADER_BYTES, headerBytes + udpBytes),
  };
}

/** An IPv4 packet with the datagram. Throws RangeError when it does not fit 65535 bytes. */
export function buildUdp({ source, sourcePort, destination, destinationPort, payload }: UdpPacket): Buffer {
  const udpBytes = UDP_HEADER_BYTES + payload.length;
  const packet = Buffer.alloc(IPV4_HEADER_BYTES + udpBytes);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt8(TTL, 8);
  packet.writeUInt8(PROTOCOL_UDP, 9);
  source.copy(packet, 12);
  destination.copy(packet, 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, IPV4_HEADER_BYTES)), 10);
  packet.writeUInt16BE(sourcePort, 20);
  packet.writeUInt16BE(destinationPort, 22);
  packet.writeUInt16BE(udpBytes, 24);
  payload.copy(packet, 28);
  // The pseudo-header: both addresses, the protocol, the length. A sum of 0 is sent as 0xffff, as 0 means "none".
  const pseudo = sumWords(packet.subarray(12, 20)) + PROTOCOL_UDP + udpBytes;
  packet.writeUInt16BE(checksum(packet.subarray(IPV4_HEADER_BYTES), pseudo) || 0xffff, 26);
  return packet;
}

function sumWords(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  return bytes.length % 2 === 1 ? sum + (bytes.readUInt8(bytes.length - 1) << 8) : sum;
}

/** The Internet checksum (RFC 1071). */
export function checksum(bytes: Buffer, initial = 0): number {
  let sum = initial + sumWords(bytes);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}
