import { connect, Socket } from 'node:net';
import { parseAddress } from '../address.ts';
import {
  AF_INET,
  bind,
  checked,
  close,
  openSocket,
  SOCK_STREAM_NONBLOCK,
  SOL_IP,
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

/** Opens a socket that is bound to `caller`. Throws Error where the kernel refuses it. */
function openAs(caller: End): number {
  const descriptor = checked(openSocket(AF_INET, SOCK_STREAM_NONBLOCK | SOCK_CLOEXEC, 0), 'socket');
  try {
    setOption(descriptor, SOL_IP, IP_TRANSPARENT, 1, 'IP_TRANSPARENT');
    setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, 'SO_REUSEADDR');
    setOption(descriptor, SOL_SOCKET, SO_MARK, CALLER_MARK, 'SO_MARK');
    const address = socketAddress(caller);
    checked(bind(descriptor, address, address.length), 'bind');
    return descriptor;
  } catch (error) {
    close(descriptor);
    throw error;
  }
}

/** Connections to the process of the namespace that come from their callers' addresses, where the kernel can do that. */
export class Callers {
  readonly #podAddress: string;
  #kept = false;

  constructor(podAddress: string) {
    this.#podAddress = podAddress;
  }

  /** Tries whether callers can keep their address, and prepares it. Throws Error where they cannot. */
  async keep(): Promise<void> {
    close(openAs({ address: this.#podAddress, port: 0 }));
    await keepCallers(CALLER_MARK);
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
    const own = caller.address === this.#podAddress || caller.address.startsWith('127.');
    if (!this.#kept || own || host !== this.#podAddress) return undefined;
    try {
      return openAs(caller);
    } catch {
      return undefined; // in use, as by a connection that has just ended: the process is better asked from elsewhere than not
    }
  }
}

/** struct sockaddr_in */
function socketAddress({ address, port }: End): Buffer {
  const bytes = parseAddress(address);
  if (bytes.length !== 4) throw new Error('not an IPv4 address');
  const whole = Buffer.alloc(16);
  whole.writeUInt16LE(AF_INET, 0);
  whole.writeUInt16BE(port, 2);
  bytes.copy(whole, 4);
  return whole;
}
