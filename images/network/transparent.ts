import { connect, Socket } from 'node:net';
import { isLoopback, parseAddress } from '../address.ts';
import { familyOf } from './ip.ts';
import {
  AF_INET,
  AF_INET6,
  bind,
  checked,
  close,
  openSocket,
  SOCK_STREAM_NONBLOCK,
  SOCKADDR_IN_BYTES,
  SOCKADDR_IN6_BYTES,
  SOL_IP,
  SOL_IPV6,
  setOption,
} from './libc.ts';
import { keepCallers } from './rules.ts';
import type { End } from './sock-diag.ts';

/** Packets of these sockets, and the replies to them, stay in the namespace. */
const CALLER_MARK = 2;

const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_MARK = 36;
const IP_TRANSPARENT = 19;
const IPV6_TRANSPARENT = 75;

/** Opens a socket that is bound to `caller`. Throws Error where the kernel refuses it. */
function openAs(caller: End): number {
  const address = socketAddress(caller);
  const six = address.length === SOCKADDR_IN6_BYTES;
  const family = six ? AF_INET6 : AF_INET;
  const descriptor = checked(openSocket(family, SOCK_STREAM_NONBLOCK | SOCK_CLOEXEC, 0), 'socket');
  try {
    if (six) setOption(descriptor, SOL_IPV6, IPV6_TRANSPARENT, 1, 'IPV6_TRANSPARENT');
    else setOption(descriptor, SOL_IP, IP_TRANSPARENT, 1, 'IP_TRANSPARENT');
    setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, 'SO_REUSEADDR');
    setOption(descriptor, SOL_SOCKET, SO_MARK, CALLER_MARK, 'SO_MARK');
    checked(bind(descriptor, address, address.length), 'bind');
    return descriptor;
  } catch (error) {
    close(descriptor);
    throw error;
  }
}

/** Connections to the process of the namespace that come from their callers' addresses, where the kernel can do that. */
export class Callers {
  readonly #podAddresses: readonly string[];
  #kept = false;

  constructor(podAddresses: readonly string[]) {
    this.#podAddresses = podAddresses;
  }

  /** Tries whether callers can keep their address, and prepares it. Throws Error where they cannot. */
  async keep(): Promise<void> {
    for (const address of this.#podAddresses) close(openAs({ address, port: 0 }));
    await Promise.all(this.#podAddresses.map((address) => keepCallers(familyOf(address), CALLER_MARK)));
    this.#kept = true;
  }

  /** A socket that is being connected to the process at `host`. */
  dial(caller: End, host: string, port: number): Socket {
    const descriptor = this.#descriptorFor(caller, host);
    if (descriptor === undefined) return connect({ host, port, allowHalfOpen: true, noDelay: true });
    // Started by hand: it is not connected yet, and reading from it would fail.
    const options = { fd: descriptor, allowHalfOpen: true, manualStart: true };
    const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
    return socket.setNoDelay(true).connect({ host, port });
  }

  #descriptorFor(caller: End, host: string): number | undefined {
    const { address } = caller;
    const own = this.#podAddresses.includes(address) || isLoopback(address);
    if (!this.#kept || own || !this.#podAddresses.includes(host)) return undefined;
    if (familyOf(address) !== familyOf(host)) return undefined;
    try {
      return openAs(caller);
    } catch {
      return undefined; // in use, as by a connection that has just ended: the process is better asked from elsewhere than not
    }
  }
}

/** struct sockaddr_in, or struct sockaddr_in6 */
function socketAddress({ address, port }: End): Buffer {
  const bytes = parseAddress(address);
  const six = bytes.length === 16;
  const whole = Buffer.alloc(six ? SOCKADDR_IN6_BYTES : SOCKADDR_IN_BYTES);
  whole.writeUInt16LE(six ? AF_INET6 : AF_INET, 0);
  whole.writeUInt16BE(port, 2);
  bytes.copy(whole, six ? 8 : 4);
  return whole;
}
