/**
 * Messages of the kernel's packet queue, which hands packets to a process and waits for its verdict: nfnetlink_queue
 * (linux/netfilter/nfnetlink_queue.h). Numbers of netlink are in the host's order (little-endian on x64 and arm64), those
 * of the queue in the network's.
 */

const HEADER_BYTES = 20; // struct nlmsghdr and struct nfgenmsg
const ATTRIBUTE_BYTES = 4; // struct nlattr
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLMSG_ERROR = 2;
const SUBSYSTEM = 3 << 8; // NFNL_SUBSYS_QUEUE
const PACKET = SUBSYSTEM | 0;
const VERDICT = SUBSYSTEM | 1;
const CONFIG = SUBSYSTEM | 2;

const CFG_CMD = 1;
const CFG_PARAMS = 2;
const CFG_CMD_BIND = 1;
const COPY_PACKET = 2;

const PACKET_HDR = 1;
const VERDICT_HDR = 2;
const MARK = 3;
const PAYLOAD = 10;

export const Verdict = { drop: 0, accept: 1 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** A packet that waits in the queue. */
export interface QueuedPacket {
  id: number;
  /** Its first bytes, from the IP header on. */
  bytes: Buffer;
}

function message(type: number, queue: number, flags: number, attributes: Buffer[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  header.writeUInt16BE(queue, 18);
  const whole = Buffer.concat([header, ...attributes]);
  whole.writeUInt32LE(whole.length, 0);
  return whole;
}

/** An attribute, padded to four bytes. */
function attribute(type: number, value: readonly number[]): Buffer {
  const bytes = Buffer.alloc(ATTRIBUTE_BYTES + Math.ceil(value.length / 4) * 4);
  bytes.writeUInt16LE(ATTRIBUTE_BYTES + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, ATTRIBUTE_BYTES);
  return bytes;
}

const word = (value: number) => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];

/** Asks for the packets of `queue`, their first `copyBytes`; each of the two is answered by an error or its absence. */
export function bindRequests(queue: number, copyBytes: number): [bind: Buffer, params: Buffer] {
  return [
    message(CONFIG, queue, NLM_F_ACK, [attribute(CFG_CMD, [CFG_CMD_BIND, 0, 0, 0])]),
    message(CONFIG, queue, NLM_F_ACK, [attribute(CFG_PARAMS, [...word(copyBytes), COPY_PACKET])]),
  ];
}

/** The errno in the answer to a request, 0 where it was done. Throws Error for another message. */
export function errnoOf(answer: Buffer): number {
  if (answer.length < HEADER_BYTES || answer.readUInt16LE(4) !== NLMSG_ERROR)
    throw new Error('not an answer');
  return Math.abs(answer.readInt32LE(16));
}

/** What becomes of the packet `id`, and the mark that later rules see. */
export function verdictMessage(queue: number, id: number, verdict: Verdict, mark?: number): Buffer {
  const attributes = [attribute(VERDICT_HDR, [...word(verdict), ...word(id)])];
  if (mark !== undefined) attributes.push(attribute(MARK, word(mark)));
  return message(VERDICT, queue, 0, attributes);
}

/** The packets in one read of the queue's socket; what is no packet is passed over. */
export function parsePackets(read: Buffer): QueuedPacket[] {
  const packets: QueuedPacket[] = [];
  for (let at = 0; at + HEADER_BYTES <= read.length; ) {
    const bytes = read.readUInt32LE(at);
    if (bytes < HEADER_BYTES || at + bytes > read.length) break;
    if (read.readUInt16LE(at + 4) === PACKET) {
      const packet = packetIn(read.subarray(at + HEADER_BYTES, at + bytes));
      if (packet) packets.push(packet);
    }
    at += Math.ceil(bytes / 4) * 4;
  }
  return packets;
}

function packetIn(attributes: Buffer): QueuedPacket | undefined {
  let id: number | undefined;
  let bytes: Buffer | undefined;
  for (let at = 0; at + ATTRIBUTE_BYTES <= attributes.length; ) {
    const length = attributes.readUInt16LE(at);
    if (length < ATTRIBUTE_BYTES || at + length > attributes.length) break;
    const type = attributes.readUInt16LE(at + 2);
    const value = attributes.subarray(at + ATTRIBUTE_BYTES, at + length);
    if (type === PACKET_HDR && value.length >= 4) id = value.readUInt32BE(0);
    if (type === PAYLOAD) bytes = value;
    at += Math.ceil(length / 4) * 4;
  }
  return id !== undefined && bytes ? { id, bytes } : undefined;
}
