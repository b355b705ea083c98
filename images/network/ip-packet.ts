/** IPv4 and IPv6 packets (RFC 791, RFC 8200), as far as the agent needs them. */

const V4_HEADER_BYTES = 20;
const V6_HEADER_BYTES = 40;
const TTL = 64;

/** The largest packet that either family can say the length of (bytes). */
const MAX_V4_BYTES = 65_535;
const MAX_V6_PAYLOAD_BYTES = 65_535;

/** Addresses are 4 or 16 bytes, both of the same family. */
export interface IpEnds {
  source: Buffer;
  destination: Buffer;
}

export interface IpPacket extends IpEnds {
  protocol: number;
  /** What is behind the header and there: the first bytes may be all that was copied. */
  payload: Buffer;
  /** How much there is behind the header by what it says (bytes). */
  payloadBytes: number;
}

/** The packet; undefined for fragments, extension headers of IPv6, and what is malformed. */
export function parseIp(packet: Buffer): IpPacket | undefined {
  const version = packet.length > 0 ? packet.readUInt8(0) >> 4 : 0;
  if (version === 4) return parseV4(packet);
  return version === 6 ? parseV6(packet) : undefined;
}

function parseV4(packet: Buffer): IpPacket | undefined {
  if (packet.length < V4_HEADER_BYTES) return undefined;
  const headerBytes = (packet.readUInt8(0) & 0x0f) * 4;
  const totalBytes = packet.readUInt16BE(2);
  const fragment = packet.readUInt16BE(6) & 0x3fff; // "more fragments" and the offset
  if (headerBytes < V4_HEADER_BYTES || headerBytes > packet.length || fragment !== 0) return undefined;
  if (totalBytes < headerBytes) return undefined;
  return {
    source: packet.subarray(12, 16),
    destination: packet.subarray(16, 20),
    protocol: packet.readUInt8(9),
    payload: packet.subarray(headerBytes, totalBytes),
    payloadBytes: totalBytes - headerBytes,
  };
}

/** The kernel sends no extension headers for what the agent carries, so the next header is the protocol. */
function parseV6(packet: Buffer): IpPacket | undefined {
  if (packet.length < V6_HEADER_BYTES) return undefined;
  const payloadBytes = packet.readUInt16BE(4);
  return {
    source: packet.subarray(8, 24),
    destination: packet.subarray(24, 40),
    protocol: packet.readUInt8(6),
    payload: packet.subarray(V6_HEADER_BYTES, V6_HEADER_BYTES + payloadBytes),
    payloadBytes,
  };
}

/**
 * A packet whose payload is still to be written: it begins at `offset`. Throws RangeError when it does not fit the family's
 * length.
 */
export function allocateIp(
  { source, destination }: IpEnds,
  protocol: number,
  payloadBytes: number,
): { packet: Buffer; offset: number } {
  if (source.length === 16) {
    if (payloadBytes > MAX_V6_PAYLOAD_BYTES) throw new RangeError(`${payloadBytes} bytes in an IPv6 packet`);
    const packet = Buffer.alloc(V6_HEADER_BYTES + payloadBytes);
    packet.writeUInt8(0x60, 0);
    packet.writeUInt16BE(payloadBytes, 4);
    packet.writeUInt8(protocol, 6);
    packet.writeUInt8(TTL, 7);
    source.copy(packet, 8);
    destination.copy(packet, 24);
    return { packet, offset: V6_HEADER_BYTES };
  }
  const bytes = V4_HEADER_BYTES + payloadBytes;
  if (bytes > MAX_V4_BYTES) throw new RangeError(`${payloadBytes} bytes in an IPv4 packet`);
  const packet = Buffer.alloc(bytes);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(bytes, 2);
  packet.writeUInt8(TTL, 8);
  packet.writeUInt8(protocol, 9);
  source.copy(packet, 12);
  destination.copy(packet, 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, V4_HEADER_BYTES)), 10);
  return { packet, offset: V4_HEADER_BYTES };
}

/** The sum of the pseudo-header that checksums of UDP and ICMPv6 count in: addresses, length, protocol (RFC 768, RFC 8200 8.1). */
export const pseudoHeaderSum = ({ source, destination }: IpEnds, protocol: number, bytes: number): number =>
  sumWords(source) + sumWords(destination) + protocol + bytes;

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
