import { createSocket, type Socket } from 'node:dgram';
import { type Datagram, DatagramDecoder, encodeDatagram, unreachable } from '../../src/tunnel/datagram.ts';
import { ResetCode, resetCodeOf } from '../../src/tunnel/errors.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { formatAddress, parseAddress } from '../address.ts';

/** A UDP association without traffic is dropped after this long (ms), as a node's conntrack does for a busy one. */
const UDP_IDLE_MS = 120_000;

/**
 * Sends the user's datagrams from one socket of the pod, and brings back what arrives there. One that is connected, as the
 * user's socket is, hears of its `peer` alone, and of the ICMP errors about it.
 */
export function relayUdp(stream: TunnelStream, peer?: { address: string; port: number }): void {
  const sockets = new Map<number, Socket>();
  const decoder = new DatagramDecoder();
  let idle: NodeJS.Timeout;
  const touch = () => {
    clearTimeout(idle);
    idle = setTimeout(() => stream.destroy(), UDP_IDLE_MS);
  };
  // Of an unreachable peer only a connected socket is told; else a datagram is lost, as on any network.
  const failed = (error: Error) => {
    if (!peer || stream.destroyed || stream.writableNeedDrain) return;
    stream.write(encodeDatagram(unreachable(parseAddress(peer.address), resetCodeOf(error))));
  };
  const socketFor = ({ address }: Pick<Datagram, 'address'>): Socket => {
    const known = sockets.get(address.length);
    if (known) return known;
    const socket = createSocket(address.length === 4 ? 'udp4' : 'udp6');
    socket.on('error', failed);
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
  const send = (datagram: Datagram) => {
    const socket = socketFor(datagram);
    if (peer) socket.send(datagram.payload);
    else socket.send(datagram.payload, datagram.port, formatAddress(datagram.address));
  };
  const begin = (each: (datagram: Datagram) => void) => {
    stream.on('data', (chunk: Buffer) => {
      touch();
      try {
        for (const datagram of decoder.push(chunk)) each(datagram);
      } catch (error) {
        stream.reset(ResetCode.badRequest, (error as Error).message);
      }
    });
  };
  if (!peer) return begin(send);
  // Where there is no way to the peer, each datagram is answered so.
  socketFor({ address: parseAddress(peer.address) }).connect(peer.port, peer.address, (error?: Error) =>
    begin(error ? () => failed(error) : send),
  );
}
