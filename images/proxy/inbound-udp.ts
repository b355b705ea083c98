import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { DatagramDecoder, encodeDatagram } from '../../src/tunnel/datagram.ts';
import { encodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import { parseAddress, plainAddress } from '../address.ts';
import type { Fallback } from './fallback.ts';
import type { Listeners } from './listeners.ts';

/** A caller without traffic is forgotten after this long (ms), as a node's conntrack does for a busy one. */
const UDP_IDLE_MS = 120_000;

/** Callers at once, on all ports; the one that was quiet for longest makes room. */
const MAX_CALLERS = 1_024;

/** What waits, of one caller, until an original pod is found (bytes): a few datagrams; with as many callers as there may be, 64 MiB. */
const MAX_WAITING_BYTES = 64 * 1024;

/** What a pod without IPv6 says of its addresses. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** How old (ms) the news may be that a caller's original pod is still there: as fresh as the cluster's DNS is. */
const FOUND_FOR_MS = 5_000;

export interface InboundUdpOptions {
  listeners: Pick<Listeners, 'readyUdp'>;
  fallback: Fallback | undefined;
  /** Somebody sent a datagram who was not known. */
  onCaller(): void;
  /** The process has answered one. */
  onAnswered(port: number, peer: string): void;
  onUnanswered(port: number, peer: string, error: Error): void;
}

/** Takes the pod's datagrams to the user's process, or to an original pod; answers leave from the port that was asked. */
export class InboundUdp {
  readonly #options: InboundUdpOptions;
  readonly #callers = new Map<string, Caller>();

  constructor(options: InboundUdpOptions) {
    this.#options = options;
  }

  /** Listens on a port of the pod, at all of its addresses unless one is given. Rejects where that is not possible. */
  async listen(port: number, address?: string): Promise<Socket> {
    if (address !== undefined) return await this.#listen(port, address);
    try {
      return await this.#listen(port, '::'); // of both families
    } catch (error) {
      if (!NO_IPV6.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      return await this.#listen(port, '0.0.0.0');
    }
  }

  /** Forgets all callers, and what waits for them. */
  close(): void {
    for (const caller of [...this.#callers.values()]) caller.close();
  }

  async #listen(port: number, address: string): Promise<Socket> {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    socket.on('message', (payload, from) => this.#arrived(socket, port, payload, from));
    socket.bind(port, address);
    await once(socket, 'listening');
    socket.on('error', () => {}); // an answer that cannot be sent is lost
    return socket;
  }

  #arrived(socket: Socket, port: number, payload: Buffer, { address, port: from }: RemoteInfo): void {
    if (from === 0) return; // nobody who could be answered
    const key = `${port} ${address} ${from}`;
    const caller =
      this.#callers.get(key) ??
      this.#meet(socket, key, { port, address: plainAddress(address), from }, address);
    this.#callers.delete(key);
    this.#callers.set(key, caller); // the last is the latest heard
    caller.send(payload);
  }

  /** `sentFrom`: the caller's address as the socket has it, which may be an IPv4 one in IPv6 clothes. */
  #meet(socket: Socket, key: string, who: Who, sentFrom: string): Caller {
    const [quietest] = this.#callers.values();
    if (quietest && this.#callers.size >= MAX_CALLERS) quietest.close();
    const caller = new Caller(this.#options, who, {
      answer: (payload) => socket.send(payload, who.from, sentFrom),
      onClosed: () => {
        if (this.#callers.get(key) === caller) this.#callers.delete(key);
      },
    });
    this.#options.onCaller();
    return caller;
  }
}

/** A caller, and the pod's port that it asks. */
interface Who {
  port: number;
  address: string;
  from: number;
}

interface CallerEnds {
  answer(payload: Buffer): void;
  onClosed(): void;
}

/**
 * One caller. Its next datagram goes to whoever answers by then; both ways stay open until it is quiet, so that an answer
 * which is under way still comes.
 */
class Caller {
  readonly #options: InboundUdpOptions;
  readonly #who: Who;
  readonly #ends: CallerEnds;
  #laptop: { agent: Tunnel; stream: TunnelStream } | undefined;
  #original: OriginalPod | undefined;
  #idle: NodeJS.Timeout | undefined;
  #warned = false;

  constructor(options: InboundUdpOptions, who: Who, ends: CallerEnds) {
    this.#options = options;
    this.#who = who;
    this.#ends = ends;
  }

  send(payload: Buffer): void {
    this.#touch();
    const { listeners } = this.#options;
    const agent = listeners.readyUdp(this.#who.port);
    if (agent) this.#toLaptop(agent, payload);
    else this.#toOriginal(payload);
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#laptop?.stream.destroy();
    this.#original?.close();
    this.#ends.onClosed();
  }

  #touch(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.close(), UDP_IDLE_MS);
  }

  #answer(payload: Buffer): void {
    this.#touch();
    this.#ends.answer(payload);
  }

  #toLaptop(agent: Tunnel, payload: Buffer): void {
    const { address, from: port } = this.#who;
    if (this.#laptop?.agent !== agent || this.#laptop.stream.destroyed) {
      this.#laptop?.stream.destroy();
      this.#laptop = { agent, stream: this.#openStream(agent) };
    }
    const { stream } = this.#laptop;
    // Like any full queue of a network: what does not fit is lost.
    if (stream.writableNeedDrain || stream.destroyed) return;
    stream.write(encodeDatagram({ address: parseAddress(address), port, payload }));
  }

  #openStream(agent: Tunnel): TunnelStream {
    const { port, address, from } = this.#who;
    const stream = agent.open(encodeRequest({ kind: 'inbound-udp', port, peer: { address, port: from } }));
    const decoder = new DatagramDecoder();
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const { payload } of decoder.push(chunk)) {
          this.#options.onAnswered(port, address);
          this.#answer(payload);
        }
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
    stream.on('error', () => {}); // the next datagram opens another
    return stream;
  }

  #toOriginal(payload: Buffer): void {
    const { fallback, onUnanswered } = this.#options;
    const { port, address } = this.#who;
    const failed = (error: Error) => {
      if (!this.#warned) onUnanswered(port, address, error);
      this.#warned = true;
    };
    if (!fallback) return failed(new Error('nobody listens, and there is no fallback'));
    if (!this.#original || this.#original.closed) {
      this.#original = new OriginalPod(fallback, this.#who, (answer) => this.#answer(answer), failed);
    }
    this.#original.send(payload);
  }
}

/** The original pod that one caller is led to, and stays with while it is there. */
class OriginalPod {
  readonly #fallback: Fallback;
  readonly #who: Who;
  #socket: Socket | undefined;
  #host: string | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #foundAt = 0;
  #closed = false;

  constructor(
    fallback: Fallback,
    who: Who,
    onAnswer: (payload: Buffer) => void,
    onFailed: (error: Error) => void,
  ) {
    this.#fallback = fallback;
    this.#who = who;
    this.#begin(onAnswer).catch((error: Error) => {
      if (!this.#closed) onFailed(error);
      this.close();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(payload: Buffer): void {
    if (this.#host !== undefined) {
      this.#lookAgain(this.#host);
      return this.#socket?.send(payload);
    }
    if (this.#waitingBytes + payload.length > MAX_WAITING_BYTES) return;
    this.#waiting.push(payload);
    this.#waitingBytes += payload.length;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting = [];
    this.#socket?.close();
  }

  async #begin(onAnswer: (payload: Buffer) => void): Promise<void> {
    const [host = ''] = await this.#fallback.candidates(this.#who.address);
    if (this.#closed) return;
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('message', onAnswer);
    // Refused, or the pod is gone: the next datagram looks for another.
    socket.on('error', () => this.close());
    socket.connect(this.#who.port, host);
    await once(socket, 'connect');
    this.#foundAt = performance.now();
    this.#host = host;
    for (const payload of this.#waiting) socket.send(payload);
    this.#waiting = [];
  }

  /** Of a pod that goes without a word no socket hears. */
  #lookAgain(host: string): void {
    const now = performance.now();
    if (now - this.#foundAt < FOUND_FOR_MS) return;
    this.#foundAt = now;
    this.#fallback.candidates(this.#who.address).then(
      (found) => {
        if (!found.includes(host)) this.close();
      },
      () => {}, // nobody else to go to
    );
  }
}
