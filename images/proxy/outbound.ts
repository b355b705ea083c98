import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect } from 'node:net';
import { type Datagram, DatagramDecoder, encodeDatagram } from '../../src/tunnel/datagram.ts';
import { ResetCode, resetCodeOf } from '../../src/tunnel/errors.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { formatAddress, parseAddress } from '../address.ts';
import { splice } from '../splice.ts';

/** A UDP association without traffic is dropped after this long (ms), as a node's conntrack does for a busy one. */
const UDP_IDLE_MS = 120_000;

/** Dials for the user's process; the stream is accepted when the peer accepted, else reset with the socket's error. */
export function dialOut(stream: TunnelStream, host: string, port: number): void {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  const failed = (error: Error) => stream.reset(resetCodeOf(error), error.message);
  const gone = () => socket.destroy();
  socket.once('error', failed);
  stream.once('close', gone);
  stream.once('error', gone);
  socket.once('connect', () => {
    socket.off('error', failed);
    stream.off('close', gone).off('error', gone);
    stream.accept();
    splice(socket, stream);
  });
}

/** Sends the user's datagrams from one socket of the pod, and brings back what arrives there. */
export function relayUdp(stream: TunnelStream): void {
  const sockets = new Map<number, UdpSocket>();
  const decoder = new DatagramDecoder();
  let idle: NodeJS.Timeout;
  const touch = () => {
    clearTimeout(idle);
    idle = setTimeout(() => stream.destroy(), UDP_IDLE_MS);
  };
  const socketFor = ({ address }: Datagram): UdpSocket => {
    const known = sockets.get(address.length);
    if (known) return known;
    const socket = createSocket(address.length === 4 ? 'udp4' : 'udp6');
    socket.on('error', () => {}); // an unreachable peer: a datagram is lost, as on any network
    socket.on('message', (payload, { address: from, port }) => {
      touch();
      // A reader that is slow loses datagrams instead of growing our memory.
      if (stream.writableNeedDrain || stream.destroyed) return;
      stream.write(encodeDatagram({ address: parseAddress(from), port, payload }));
    });
    sockets.set(address.length, socket);
    return socket;
  };
  touch();
  stream.accept();
  stream.on('error', () => {}); // 'close' follows
  stream.on('close', () => {
    clearTimeout(idle);
    for (const socket of sockets.values()) socket.close();
  });
  stream.on('end', () => stream.end());
  stream.on('data', (chunk: Buffer) => {
    touch();
    try {
      for (const datagram of decoder.push(chunk)) {
        socketFor(datagram).send(datagram.payload, datagram.port, formatAddress(datagram.address));
      }
    } catch (error) {
      stream.reset(ResetCode.badRequest, (error as Error).message);
    }
  });
}
