import { type Datagram, DatagramDecoder, encodeDatagram } from '../../src/tunnel/datagram.ts';
import { encodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import { formatAddress } from '../address.ts';

/** UDP sockets of the namespace that are in use at once; the one that was quiet for longest makes room. */
const MAX_ASSOCIATIONS = 1_024;

export type Receive = (datagram: Datagram) => void;

/** To whom the socket of a port is connected; undefined where it is not, or where one cannot know. */
export type PeerOf = (port: number) => { address: Buffer; port: number } | undefined;

interface Association {
  stream: TunnelStream;
  peer: ReturnType<PeerOf>;
}

/**
 * Carries datagrams through the tunnel. Each port of the namespace has one socket in the pod, so that a peer sees one
 * sender, and one socket hears several peers.
 */
export class UdpRelay {
  readonly #tunnel: () => Tunnel | undefined;
  readonly #peerOf: PeerOf;
  readonly #associations = new Map<number, Association>();

  constructor(tunnel: () => Tunnel | undefined, peerOf: PeerOf = () => undefined) {
    this.#tunnel = tunnel;
    this.#peerOf = peerOf;
  }

  /** Sends a datagram from `port`; what comes back to that port goes to `receive`. Lost while there is no link. */
  send(port: number, datagram: Datagram, receive: Receive): void {
    const association = this.#of(port, datagram) ?? this.#open(port, receive);
    // Like any full queue of a network: what does not fit is lost.
    if (!association || association.stream.writableNeedDrain) return;
    this.#associations.delete(port);
    this.#associations.set(port, association); // the last is the latest used
    association.stream.write(encodeDatagram(datagram));
  }

  #of(port: number, { address, port: to }: Datagram): Association | undefined {
    const known = this.#associations.get(port);
    if (!known?.peer || (known.peer.port === to && known.peer.address.equals(address))) return known;
    // Another socket has the port now, or its own connected one was let go.
    known.stream.destroy();
    this.#associations.delete(port);
    return undefined;
  }

  #open(port: number, receive: Receive): Association | undefined {
    const tunnel = this.#tunnel();
    if (!tunnel) return undefined;
    const [quietest] = this.#associations.keys();
    if (this.#associations.size >= MAX_ASSOCIATIONS && quietest !== undefined) {
      this.#associations.get(quietest)?.stream.destroy();
      this.#associations.delete(quietest);
    }
    const peer = this.#peerOf(port);
    const to = peer && { address: formatAddress(peer.address), port: peer.port };
    const stream = tunnel.open(encodeRequest({ kind: 'udp', ...(to && { peer: to }) }));
    const association = { stream, peer };
    const decoder = new DatagramDecoder();
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const datagram of decoder.push(chunk)) receive(datagram);
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
    stream.on('error', () => {}); // 'close' follows; the next datagram opens another
    stream.on('close', () => {
      if (this.#associations.get(port) === association) this.#associations.delete(port);
    });
    this.#associations.set(port, association);
    return association;
  }
}
