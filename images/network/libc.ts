/** The system calls that Node lacks. The only user of koffi. Linux only; constants are the kernel's. */
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
export const getsockopt = libc.func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)');
const setsockopt = libc.func('int setsockopt(int, int, int, const void *, uint32_t)');
export const open = libc.func('int open(const char *, int)');
export const close = libc.func('int close(int)');
export const ioctl = libc.func('int ioctl(int, unsigned long, void *)');
export const ioctlNumber = libc.func('int ioctl(int, unsigned long, long)');
export const socketpair = libc.func('int socketpair(int, int, int, _Out_ int *)');
export const dup2 = libc.func('int dup2(int, int)');
export const bind = libc.func('int bind(int, const void *, uint32_t)');
export const openSocket = libc.func('int socket(int, int, int)');
export const send = libc.func('long send(int, const void *, size_t, int)');
export const recv = libc.func('long recv(int, _Out_ uint8_t *, size_t, int)');

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_NETLINK = 16;
export const SOCK_RAW = 3;
export const SOCK_STREAM_NONBLOCK = 1 | 0o4000;
export const MSG_DONTWAIT = 0x40;
export const AF_INET6 = 10;
export const SOL_IP = 0;
export const SOL_IPV6 = 41;
/** struct sockaddr_in, struct sockaddr_in6 */
export const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN6_BYTES = 28;

/** The result of a call. Throws Error with the call's name and errno where it failed. */
export function checked(result: number, call: string): number {
  if (result < 0) throw new Error(`${call}: errno ${koffi.errno()}`);
  return result;
}

/** Sets a socket option that is an int. Throws Error where the kernel refuses it. */
export function setOption(
  descriptor: number,
  level: number,
  name: number,
  value: number,
  what: string,
): void {
  const number = Buffer.alloc(4);
  number.writeInt32LE(value);
  checked(setsockopt(descriptor, level, name, number, number.length), what);
}
