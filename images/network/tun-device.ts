import { checked, ioctl, ioctlNumber, open } from './libc.ts';
import { poll } from './polled.ts';

const O_RDWR_NONBLOCK = 0o2 | 0o4000;
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const IFF_TUN_NO_PI = 0x0001 | 0x1000;

/** The open TUN device: packets come by `onPacket`; `descriptor` is for writing them. */
export interface TunDevice {
  descriptor: number;
  close(): void;
}

/**
 * Opens the TUN device `name`, made persistent so that its routes outlive this process.
 * Throws Error without NET_ADMIN or /dev/net/tun.
 */
export function openTun(name: string, mtu: number, onPacket: (packet: Buffer) => void): TunDevice {
  const descriptor = checked(open('/dev/net/tun', O_RDWR_NONBLOCK), 'open /dev/net/tun');
  const request = Buffer.alloc(40); // struct ifreq
  request.write(name, 0, 'latin1');
  request.writeUInt16LE(IFF_TUN_NO_PI, 16);
  checked(ioctl(descriptor, TUNSETIFF, request), 'TUNSETIFF');
  checked(ioctlNumber(descriptor, TUNSETPERSIST, 1), 'TUNSETPERSIST');
  const socket = poll(descriptor, mtu, onPacket);
  return { descriptor, close: () => socket.destroy() };
}
