import { type Datagram, DatagramDecoder, encodeDatagram } from '../../src/tunnel/datagram.ts';
import { encodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';

/** UDP sockets of the namespace that are in use at once; the one that was quiet for longest makes room. */
const MAX_ASSOCIATIONS = 1_024;

export type Receive = (datagram: Datagram) => void;

/**
 * Carries datagrams through the tunnel. Each port of the namespace has one socket in the pod, so that a peer sees one
 * sender, and one socket hears several peers.
 */
export class UdpRelay {
  readonly #tunnel: () => Tunnel | undefined;
  readonly #associations = new Map<number, TunnelStream>();

  constructor(tunnel: () => Tunnel | undefined) {
    this.#tunnel = tunnel;
  }

  /** Sends a datagram from `port`; what comes back to that port goes to `receive`. Lost while there is no link. */
  send(port: number, datagram: Datagram, receive: Receive): void {
    const stream = this.#associations.get(port) ?? this.#open(port, receive);
    // Like any full queue of a network: what does not fit is lost.
    if (!stream || stream.writableNeedDrain) return;
    this.#associations.delete(port);
    this.#associations.set(port, stream); // the last is the latest used
    stream.write(encodeDatagram(datagram));
  }

  #open(port: number, receive: Receive): TunnelStream | undefined {
    const tunnel = this.#tunnel();
    if (!tunnel) return undefined;
    const [quietest] = this.#associations.keys();
    if (this.#associations.size >= MAX_ASSOCIATIONS && quietest !== undefined) {
      this.#associations.get(quietest)?.destroy();
      this.#associations.delete(quietest);
    }
    const stream = tunnel.open(encodeRequest({ kind: 'udp' }));
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
      if (this.#associations.get(port) === stream) this.#associations.delete(port);
    });
    this.#associations.set(port, stream);
    return stream;
  }
}
