import { CloseCode, knownResetCode, ResetCode, TunnelError } from './errors.ts';

/**
 * Datagrams on a `udp` stream: 16 bits of length of what follows, one byte of address length (4 or 16), the address,
 * 16 bits of port, the payload. The address is the destination towards the pod's network and the source on the way back.
 * On the way back port 0, which no datagram has, means that the network answered by an ICMP error: the payload is one byte
 * with the reset code of what a connected socket is told.
 */
export interface Datagram {
  address: Buffer;
  port: number;
  payload: Buffer;
}

/** The largest payload that fits 16 bits with an IPv6 address beside it, which is above what UDP itself allows. */
export const MAX_DATAGRAM_BYTES = 65_535 - 19;

/** Throws RangeError for an address that is not 4 or 16 bytes, or a payload over MAX_DATAGRAM_BYTES. */
export function encodeDatagram({ address, port, payload }: Datagram): Buffer {
  if ((address.length !== 4 && address.length !== 16) || payload.length > MAX_DATAGRAM_BYTES) {
    throw new RangeError(`a datagram of ${payload.length} bytes to an address of ${address.length}`);
  }
  const head = Buffer.allocUnsafe(3 + address.length + 2);
  head.writeUInt16BE(1 + address.length + 2 + payload.length, 0);
  head.writeUInt8(address.length, 2);
  address.copy(head, 3);
  head.writeUInt16BE(port, 3 + address.length);
  return Buffer.concat([head, payload]);
}

/** Turns chunks of any size into datagrams; holds one at most. */
export class DatagramDecoder {
  #held: Buffer = Buffer.alloc(0);

  /** Gives each datagram that `chunk` completes. Throws TunnelError (protocolError) on a malformed one. */
  *push(chunk: Buffer): Generator<Datagram> {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (this.#held.length >= 2) {
      const length = this.#held.readUInt16BE(0);
      if (this.#held.length < 2 + length) return;
      const body = this.#held.subarray(2, 2 + length);
      this.#held = this.#held.subarray(2 + length);
      yield decodeBody(body);
    }
  }
}

function decodeBody(body: Buffer): Datagram {
  const size = body[0];
  if ((size !== 4 && size !== 16) || body.length < 1 + size + 2) {
    throw new TunnelError(CloseCode.protocolError, 'a malformed datagram');
  }
  return {
    address: body.subarray(1, 1 + size),
    port: body.readUInt16BE(1 + size),
    payload: body.subarray(1 + size + 2),
  };
}

/** The datagram that stands for an ICMP error about what was sent to `address`. */
export const unreachable = (address: Buffer, code: ResetCode): Datagram => ({
  address,
  port: 0,
  payload: Buffer.from([code]),
});

/** The code in a datagram that stands for an ICMP error; undefined for any other. */
export const unreachableCode = ({ port, payload }: Datagram): ResetCode | undefined =>
  port === 0 ? knownResetCode(payload[0] ?? ResetCode.internal) : undefined;
