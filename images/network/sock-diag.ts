import { parseAddress } from '../address.ts';

/**
 * Asking the kernel for TCP sockets by netlink: sock_diag(7). /proc/net/tcp says the same, but walks the table of all
 * connections for it: 17 ms here, in which the agent carries nothing.
 */

const HEADER_BYTES = 16; // struct nlmsghdr
const REQUEST_BYTES = HEADER_BYTES + 56; // struct inet_diag_req_v2
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 0x001;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const STATE_ESTABLISHED = 1;
/** A UDP socket that is connected to nobody. */
const STATE_CLOSE = 7;
const STATE_LISTEN = 10;
const ENOENT = 2;
/** The offset of struct inet_diag_sockid in the request, and that of the inode in struct inet_diag_msg. */
const SOCKET_ID = HEADER_BYTES + 8;
const INODE = 68;

export const AF_INET = 2;
export const AF_INET6 = 10;

/** An address of 4 or 16 bytes in hex, and a port. */
export interface Listener {
  address: string;
  port: number;
}

/** A socket of this namespace; one that is not connected has a peer of zeros. */
export interface KnownSocket {
  own: Listener;
  peer: Listener;
}

/** A request about sockets, of TCP unless said otherwise. Numbers are in the host's order: little-endian on x64 and arm64. */
function requestFor(family: number, flags: number, protocol = IPPROTO_TCP): Buffer {
  const request = Buffer.alloc(REQUEST_BYTES);
  request.writeUInt32LE(REQUEST_BYTES, 0);
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  request.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  request.writeUInt8(family, HEADER_BYTES);
  request.writeUInt8(protocol, HEADER_BYTES + 1);
  return request;
}

/** The request for all listening TCP sockets of a family. */
export function listenersRequest(family: number): Buffer {
  const request = requestFor(family, NLM_F_DUMP);
  request.writeUInt32LE(1 << STATE_LISTEN, HEADER_BYTES + 4);
  return request;
}

/** The request for all UDP sockets of a family that are connected to a peer. */
export function connectedUdpRequest(family: number): Buffer {
  const request = requestFor(family, NLM_F_DUMP, IPPROTO_UDP);
  request.writeUInt32LE(1 << STATE_ESTABLISHED, HEADER_BYTES + 4);
  return request;
}

/** The request for all UDP sockets of a family that are connected to nobody. */
export function openUdpRequest(family: number): Buffer {
  const request = requestFor(family, NLM_F_DUMP, IPPROTO_UDP);
  request.writeUInt32LE(1 << STATE_CLOSE, HEADER_BYTES + 4);
  return request;
}

/** An address, both ends' of one family, and a port. */
export interface End {
  address: string;
  port: number;
}

/** The request for the socket at `own` that is connected to `peer`. */
export function connectionRequest(own: End, peer: End): Buffer {
  const [from, to] = [parseAddress(own.address), parseAddress(peer.address)];
  const request = requestFor(from.length === 4 ? AF_INET : AF_INET6, 0);
  request.writeUInt16BE(own.port, SOCKET_ID);
  request.writeUInt16BE(peer.port, SOCKET_ID + 2);
  from.copy(request, SOCKET_ID + 4);
  to.copy(request, SOCKET_ID + 20);
  request.fill(0xff, SOCKET_ID + 40); // INET_DIAG_NOCOOKIE
  return request;
}

/** Where a connection is on the process's side. */
export type Acceptance =
  /** The kernel has answered the dial, and no process has accepted. */
  | 'queued'
  /** A process has it, or only wants it with data (TCP_DEFER_ACCEPT). */
  | 'accepted'
  /** There is none: it has been reset. */
  | 'gone';

/** Reads the answer about one connection: the kernel gives a socket its inode when a process accepts it. Throws Error. */
export function acceptanceOf(answer: Buffer): Acceptance {
  if (answer.readUInt16LE(4) === NLMSG_ERROR) {
    const errno = -answer.readInt32LE(HEADER_BYTES);
    if (errno === ENOENT) return 'gone';
    throw new Error(`sock_diag: errno ${errno}`);
  }
  const state = answer.readUInt8(HEADER_BYTES + 1);
  if (state === STATE_LISTEN) return 'gone'; // its listener is what is found then
  return state === STATE_ESTABLISHED && answer.readUInt32LE(HEADER_BYTES + INODE) === 0
    ? 'queued'
    : 'accepted';
}

/** Reads one datagram of the answer. Throws Error when the kernel refuses. */
export function parseSockets(answer: Buffer): { sockets: KnownSocket[]; done: boolean } {
  const sockets: KnownSocket[] = [];
  for (let at = 0; at + HEADER_BYTES <= answer.length; ) {
    const length = answer.readUInt32LE(at);
    const type = answer.readUInt16LE(at + 4);
    if (type === NLMSG_DONE) return { sockets, done: true };
    if (type === NLMSG_ERROR) throw new Error(`sock_diag: errno ${-answer.readInt32LE(at + HEADER_BYTES)}`);
    if (length < HEADER_BYTES + 40 || at + length > answer.length)
      throw new Error('sock_diag: a malformed answer');
    // struct inet_diag_msg: family, state, timer, retransmits, then the ports and addresses in network order.
    const message = answer.subarray(at + HEADER_BYTES, at + length);
    const bytes = message.readUInt8(0) === AF_INET ? 4 : 16;
    sockets.push({
      own: { address: message.toString('hex', 8, 8 + bytes), port: message.readUInt16BE(4) },
      peer: { address: message.toString('hex', 24, 24 + bytes), port: message.readUInt16BE(6) },
    });
    at += (length + 3) & ~3;
  }
  return { sockets, done: false };
}
