import { CloseCode, TunnelError } from './errors.ts';
import { FRAME_RULES, type Frame } from './frame.ts';
import type { TunnelStream } from './stream.ts';

/** The open streams of a session, and which numbers were given: odd ones by the end that dialled, even ones by the other. */
export class StreamTable {
  readonly #streams = new Map<number, TunnelStream>();
  readonly #dialled: boolean;
  #nextId: number;
  #lastPeerId = 0;

  constructor(dialled: boolean) {
    this.#dialled = dialled;
    this.#nextId = dialled ? 1 : 2;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** The number of the next stream that this end opens. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Takes a stream that this end opened, with the next number, or the peer, with one that was taken. */
  add(stream: TunnelStream): void {
    this.#streams.set(stream.id, stream);
    if (!this.#isPeers(stream.id)) this.#nextId += 2;
  }

  /** Whether it was there. */
  delete({ id }: TunnelStream): boolean {
    return this.#streams.delete(id);
  }

  /** Takes the number of a stream that the peer opens. Throws TunnelError for one that it may not use, or no more. */
  takePeers(id: number): void {
    if (!this.#isPeers(id) || id <= this.#lastPeerId) {
      throw new TunnelError(CloseCode.protocolError, `stream ${id} opened out of order`);
    }
    this.#lastPeerId = id;
  }

  /**
   * The stream of a frame. None where this end has reset or finished it: the peer's last frames crossed ours, and mean nothing
   * any more. Throws TunnelError where nobody opened it.
   */
  of({ stream: id, type }: Frame): TunnelStream | undefined {
    const stream = this.#streams.get(id);
    const known = stream || (this.#isPeers(id) ? id <= this.#lastPeerId : id < this.#nextId);
    if (known) return stream;
    const name = FRAME_RULES.get(type)?.name;
    throw new TunnelError(CloseCode.protocolError, `a ${name} frame on stream ${id}, never opened`);
  }

  /** Cuts all of them. */
  abandon(cause: TunnelError): void {
    for (const stream of [...this.#streams.values()]) stream.abandon(cause);
  }

  #isPeers(id: number): boolean {
    return (id % 2 === 1) !== this.#dialled;
  }
}
