/** The system calls that Node lacks. The only user of koffi. Linux only; constants are the kernel's. */
import { Socket as NodeSocket, type Socket } from 'node:net';
import koffi from 'koffi';
import {
  type Acceptance,
  AF_INET,
  AF_INET6,
  acceptanceOf,
  connectionRequest,
  type Listener,
  listenersRequest,
  parseListeners,
} from './sock-diag.ts';

const libc = koffi.load('libc.so.6');
const getsockopt = libc.func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)');
const open = libc.func('int open(const char *, int)');
const close = libc.func('int close(int)');
const ioctl = libc.func('int ioctl(int, unsigned long, void *)');
const ioctlNumber = libc.func('int ioctl(int, unsigned long, long)');
const socketpair = libc.func('int socketpair(int, int, int, _Out_ int *)');
const dup2 = libc.func('int dup2(int, int)');

const openSocket = libc.func('int socket(int, int, int)');
const send = libc.func('long send(int, const void *, size_t, int)');
const recv = libc.func('long recv(int, _Out_ uint8_t *, size_t, int)');

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_SOCK_DIAG = 4;
const MSG_DONTWAIT = 0x40;

/** Takes one datagram of the kernel's answer, which is 32 KiB at most. */
const answer = Buffer.alloc(32 * 1024);

const SOL_IP = 0;
const SO_ORIGINAL_DST = 80;
const O_RDWR_NONBLOCK = 0o2 | 0o4000;
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const IFF_TUN_NO_PI = 0x0001 | 0x1000;
const AF_UNIX = 1;
const SOCK_STREAM_NONBLOCK = 1 | 0o4000;

function checked(result: number, call: string): number {
  if (result < 0) throw new Error(`${call}: errno ${koffi.errno()}`);
  return result;
}

/** Node does not say which file descriptor a socket has; this internal field has named it since Node 0.x. */
function descriptorOf(socket: Socket): number {
  const { _handle } = socket as unknown as { _handle?: { fd?: number } };
  if (_handle?.fd === undefined || _handle.fd < 0) throw new Error('the socket has no descriptor');
  return _handle.fd;
}

/** Where a redirected IPv4 connection was going. Throws Error when the socket is closed or was not redirected. */
export function originalDestination(socket: Socket): { host: string; port: number } {
  const address = Buffer.alloc(16); // struct sockaddr_in
  checked(getsockopt(descriptorOf(socket), SOL_IP, SO_ORIGINAL_DST, address, [16]), 'SO_ORIGINAL_DST');
  return { host: [...address.subarray(4, 8)].join('.'), port: address.readUInt16BE(2) };
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

/** The listening TCP sockets of this namespace. Throws Error where the kernel cannot be asked. */
export function listeningSockets(): Listener[] {
  return withSockDiag((ask, next) =>
    [AF_INET, AF_INET6].flatMap((family) => {
      ask(listenersRequest(family));
      const found: Listener[] = [];
      for (;;) {
        const { listeners, done } = parseListeners(next());
        found.push(...listeners);
        if (done) return found;
      }
    }),
  );
}

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

/** The open TUN device: packets come by `onPacket`; `descriptor` is for writing them. */
export interface TunDevice {
  descriptor: number;
  close(): void;
}

/**
 * Opens the TUN device `name`, made persistent so that its routes outlive this process.
 * Node only polls what it knows as a socket, so the device takes the place of one end of a socket pair.
 * Throws Error without NET_ADMIN or /dev/net/tun.
 */
export function openTun(name: string, mtu: number, onPacket: (packet: Buffer) => void): TunDevice {
  const descriptor = checked(open('/dev/net/tun', O_RDWR_NONBLOCK), 'open /dev/net/tun');
  const request = Buffer.alloc(40); // struct ifreq
  request.write(name, 0, 'latin1');
  request.writeUInt16LE(IFF_TUN_NO_PI, 16);
  checked(ioctl(descriptor, TUNSETIFF, request), 'TUNSETIFF');
  checked(ioctlNumber(descriptor, TUNSETPERSIST, 1), 'TUNSETPERSIST');
  const pair = [0, 0];
  checked(socketpair(AF_UNIX, SOCK_STREAM_NONBLOCK, 0, pair), 'socketpair');
  const [reader = -1, other = -1] = pair;
  const socket = new NodeSocket({
    fd: reader,
    manualStart: true,
    onread: {
      buffer: Buffer.allocUnsafe(mtu),
      callback(bytes, buffer) {
        onPacket(Buffer.from((buffer as Buffer).subarray(0, bytes)));
        return true;
      },
    },
  } as ConstructorParameters<typeof NodeSocket>[0]);
  checked(dup2(descriptor, reader), 'dup2');
  checked(close(other), 'close');
  socket.resume();
  return { descriptor, close: () => socket.destroy() };
}
