import { formatAddress } from '../address.ts';
import { allocateIp, checksum, type IpEnds, parseIp, pseudoHeaderSum } from './ip-packet.ts';

/** UDP and TCP in IP packets, as far as the agent needs them (RFC 768, RFC 9293). */

const UDP_HEADER_BYTES = 8;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;

export interface UdpPacket extends IpEnds {
  sourcePort: number;
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

/** The ends of the TCP segment in an IP packet, of which the first bytes are enough; undefined for anything else. */
export function parseTcpEnds(packet: Buffer): TcpEnds | undefined {
  const ip = parseIp(packet);
  if (ip?.protocol !== PROTOCOL_TCP || ip.payload.length < 4) return undefined;
  return {
    source: formatAddress(ip.source),
    host: formatAddress(ip.destination),
    sourcePort: ip.payload.readUInt16BE(0),
    port: ip.payload.readUInt16BE(2),
  };
}

/** The UDP datagram in an IP packet; undefined for anything else: fragments, malformed packets, ports that no socket has. */
export function parseUdp(packet: Buffer): UdpPacket | undefined {
  const ip = parseIp(packet);
  if (ip?.protocol !== PROTOCOL_UDP || ip.payload.length < ip.payloadBytes) return undefined;
  const { source, destination, payload: udp } = ip;
  if (udp.length < UDP_HEADER_BYTES) return undefined;
  const bytes = udp.readUInt16BE(4);
  if (bytes < UDP_HEADER_BYTES || bytes > udp.length) return undefined;
  const sourcePort = udp.readUInt16BE(0);
  const destinationPort = udp.readUInt16BE(2);
  if (sourcePort === 0 || destinationPort === 0) return undefined;
  const payload = udp.subarray(UDP_HEADER_BYTES, bytes);
  return { source, destination, sourcePort, destinationPort, payload };
}

/** An IP packet with the datagram. Throws RangeError when it does not fit 65535 bytes. */
export function buildUdp(udp: UdpPacket): Buffer {
  const bytes = UDP_HEADER_BYTES + udp.payload.length;
  const { packet, offset } = allocateIp(udp, PROTOCOL_UDP, bytes);
  packet.writeUInt16BE(udp.sourcePort, offset);
  packet.writeUInt16BE(udp.destinationPort, offset + 2);
  packet.writeUInt16BE(bytes, offset + 4);
  udp.payload.copy(packet, offset + UDP_HEADER_BYTES);
  // A sum of 0 is sent as 0xffff, as 0 means "none".
  const sum = checksum(packet.subarray(offset), pseudoHeaderSum(udp, PROTOCOL_UDP, bytes)) || 0xffff;
  packet.writeUInt16BE(sum, offset + 6);
  return packet;
}
