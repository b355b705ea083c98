import { createSocket } from 'node:dgram';
import { type Datagram, DatagramDecoder, encodeDatagram } from '../../src/tunnel/datagram.ts';
import { ResetCode } from '../../src/tunnel/errors.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { isLoopback, parseAddress } from '../address.ts';
import { V4, V6 } from './ip.ts';
import { buildUdp, type UdpPacket } from './packet.ts';

/** Callers at once, as the proxy has them too; the one that was quiet for longest makes room. */
const MAX_CALLERS = 1_024;

/** What the proxy asks for: the port of the process, and who calls. */
export interface Call {
  port: number;
  peer: { address: string; port: number };
}

/**
 * Brings callers' datagrams to the user's process, as packets from the caller to the pod's address that enter by the TUN
 * device: so the process sees who calls, and its replies leave by the device again.
 */
export class InboundUdp {
  readonly #pod: readonly Buffer[];
  readonly #write: (packet: Buffer) => void;
  readonly #callers = new Map<string, TunnelStream>();

  /** The pod's addresses, one of each family; `write` gives a packet to the namespace. */
  constructor(pod: readonly Buffer[], write: (packet: Buffer) => void) {
    this.#pod = pod;
    this.#write = write;
  }

  /** Takes a stream with the datagrams of one caller. */
  serve(stream: TunnelStream, { port, peer }: Call): void {
    const source = addressOf(peer.address);
    const destination = this.#pod.find(({ length }) => length === source?.length);
    const atLoopback = isLoopback(peer.address);
    if (!source || (!destination && !atLoopback))
      return stream.reset(ResetCode.badRequest, "not an address of this pod's kind");
    const key = keyOf(port, source, peer.port);
    this.#callers.get(key)?.destroy(); // another pod of the proxy took its place
    this.#callers.delete(key);
    this.#makeRoom();
    this.#callers.set(key, stream);
    stream.accept();
    stream.on('error', () => {}); // 'close' follows
    stream.on('close', () => {
      if (this.#callers.get(key) === stream) this.#callers.delete(key);
    });
    stream.on('end', () => stream.end());
    const ends = { source, sourcePort: peer.port, destination: destination ?? source, destinationPort: port };
    const deliver = atLoopback
      ? loopbackSocket(stream, ends, () => this.#touch(key, stream))
      : (payload: Buffer) => this.#write(buildUdp({ ...ends, payload }));
    const decoder = new DatagramDecoder();
    stream.on('data', (chunk: Buffer) => {
      this.#touch(key, stream);
      try {
        for (const { payload } of decoder.push(chunk)) deliver(payload);
      } catch (error) {
        stream.reset(ResetCode.badRequest, (error as Error).message);
      }
    });
  }

  /** Whether a packet of the process is for one who called it; then it is on its way there. */
  take({ sourcePort, destination, destinationPort, payload }: UdpPacket): boolean {
    const key = keyOf(sourcePort, destination, destinationPort);
    const stream = this.#callers.get(key);
    if (!stream || stream.destroyed) return false;
    this.#touch(key, stream);
    answer(stream, { address: destination, port: destinationPort, payload });
    return true;
  }

  /** The last is the latest used. */
  #touch(key: string, stream: TunnelStream): void {
    if (this.#callers.delete(key)) this.#callers.set(key, stream);
  }

  #makeRoom(): void {
    const [quietest] = this.#callers;
    if (!quietest || this.#callers.size < MAX_CALLERS) return;
    quietest[1].destroy();
    this.#callers.delete(quietest[0]);
  }
}

/** Like any full queue of a network: what does not fit is lost. */
function answer(stream: TunnelStream, datagram: Datagram): void {
  if (!stream.writableNeedDrain && stream.writable) stream.write(encodeDatagram(datagram));
}

/**
 * A caller at the pod's loopback, which is a sidecar, reaches the process at its loopback. From there a packet that enters by
 * a device would be dropped, so it has a socket.
 */
function loopbackSocket(
  stream: TunnelStream,
  { source, sourcePort, destinationPort }: Omit<UdpPacket, 'payload'>,
  onAnswer: () => void,
): (payload: Buffer) => void {
  const [type, host] =
    source.length === 4 ? (['udp4', V4.loopback] as const) : (['udp6', V6.loopback] as const);
  const socket = createSocket(type);
  socket.on('error', () => {}); // what cannot be sent is lost
  socket.on('message', (payload, { port }) => {
    if (port !== destinationPort) return; // somebody else's
    onAnswer();
    answer(stream, { address: source, port: sourcePort, payload });
  });
  stream.on('close', () => socket.close());
  return (payload) => socket.send(payload, destinationPort, host);
}

const keyOf = (port: number, address: Buffer, peer: number): string =>
  `${port} ${address.toString('hex')} ${peer}`;

function addressOf(text: string): Buffer | undefined {
  try {
    return parseAddress(text);
  } catch {
    return undefined;
  }
}
