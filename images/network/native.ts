/** What the kernel knows of this namespace's TCP sockets. */
import type { Socket } from 'node:net';
import { formatAddress } from '../address.ts';
import {
  AF_NETLINK,
  checked,
  close,
  getsockopt,
  MSG_DONTWAIT,
  openSocket,
  recv,
  SOCK_RAW,
  SOCKADDR_IN_BYTES,
  SOCKADDR_IN6_BYTES,
  SOL_IP,
  SOL_IPV6,
  send,
} from './libc.ts';
import {
  type Acceptance,
  AF_INET,
  AF_INET6,
  acceptanceOf,
  connectedUdpRequest,
  connectionRequest,
  type KnownSocket,
  type Listener,
  listenersRequest,
  openUdpRequest,
  parseSockets,
} from './sock-diag.ts';

const NETLINK_SOCK_DIAG = 4;

/** Takes one datagram of the kernel's answer, which is 32 KiB at most. */
const answer = Buffer.alloc(32 * 1024);

/** The same number in both families: IP6T_SO_ORIGINAL_DST, too. */
const SO_ORIGINAL_DST = 80;

/** Node does not say which file descriptor a socket has; this internal field has named it since Node 0.x. */
function descriptorOf(socket: Socket): number {
  const { _handle } = socket as unknown as { _handle?: { fd?: number } };
  if (_handle?.fd === undefined || _handle.fd < 0) throw new Error('the socket has no descriptor');
  return _handle.fd;
}

/** Where a redirected connection was going. Throws Error when the socket is closed or was not redirected. */
export function originalDestination(socket: Socket): { host: string; port: number } {
  const six = socket.remoteFamily === 'IPv6';
  const address = Buffer.alloc(six ? SOCKADDR_IN6_BYTES : SOCKADDR_IN_BYTES);
  const level = six ? SOL_IPV6 : SOL_IP;
  checked(
    getsockopt(descriptorOf(socket), level, SO_ORIGINAL_DST, address, [address.length]),
    'SO_ORIGINAL_DST',
  );
  const host = formatAddress(six ? address.subarray(8, 24) : address.subarray(4, 8));
  return { host, port: address.readUInt16BE(2) };
}

/** Puts questions to the kernel by netlink. Throws Error where it cannot be asked. */
function withSockDiag<T>(work: (ask: (request: Buffer) => void, next: () => Buffer) => T): T {
  const socket = checked(openSocket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG), 'netlink');
  const ask = (request: Buffer) => void checked(send(socket, request, request.length, 0), 'sock_diag');
  // The kernel has the answer ready when it is asked: this does not wait.
  const next = () =>
    answer.subarray(0, checked(recv(socket, answer, answer.length, MSG_DONTWAIT), 'sock_diag'));
  try {
    return work(ask, next);
  } finally {
    close(socket);
  }
}

/** All sockets that a request for each family is answered with. Throws Error where the kernel cannot be asked. */
const socketsOf = (requestFor: (family: number) => Buffer): KnownSocket[] =>
  withSockDiag((ask, next) =>
    [AF_INET, AF_INET6].flatMap((family) => {
      ask(requestFor(family));
      const found: KnownSocket[] = [];
      for (;;) {
        const { sockets, done } = parseSockets(next());
        found.push(...sockets);
        if (done) return found;
      }
    }),
  );

/** The listening TCP sockets of this namespace. Throws Error where the kernel cannot be asked. */
export const listeningSockets = (): Listener[] => socketsOf(listenersRequest).map(({ own }) => own);

/** The UDP sockets of this namespace that hear everybody. Throws Error where the kernel cannot be asked. */
export const openUdpSockets = (): Listener[] => socketsOf(openUdpRequest).map(({ own }) => own);

/** The peer to which the UDP socket of `port` is connected; undefined for none. Throws Error where the kernel cannot be asked. */
export function connectedUdpPeer(port: number): { address: Buffer; port: number } | undefined {
  const socket = socketsOf(connectedUdpRequest).find(({ own }) => own.port === port);
  return socket && { address: unmapped(Buffer.from(socket.peer.address, 'hex')), port: socket.peer.port };
}

/** ::ffff:0:0/96, in which a dual-stack socket has its IPv4 peers. */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

const unmapped = (address: Buffer): Buffer =>
  address.length === 16 && address.subarray(0, 12).equals(MAPPED) ? address.subarray(12) : address;

/** Where a connection to a process of this namespace is on that side. Throws Error where the kernel cannot be asked. */
export function acceptanceBy(dialled: Socket): Acceptance {
  const { localAddress, localPort, remoteAddress, remotePort } = dialled;
  if (!localAddress || !localPort || !remoteAddress || !remotePort) return 'gone';
  const own = { address: remoteAddress, port: remotePort };
  return withSockDiag((ask, next) => {
    ask(connectionRequest(own, { address: localAddress, port: localPort }));
    return acceptanceOf(next());
  });
}
