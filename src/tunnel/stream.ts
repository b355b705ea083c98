import { Duplex } from 'node:stream';
import { decodeReason, decodeUint32 } from './decode.ts';
import { encodeReason, encodeUint32 } from './encode.ts';
import { CloseCode, ResetCode, resetCodeOf, StreamReset, TunnelError } from './errors.ts';
import { FrameType, MAX_PAYLOAD_BYTES } from './frame.ts';

/** What a stream asks of the tunnel that carries it. */
export interface StreamCarrier {
  /** Queues a control frame of this stream ahead of all data. */
  control(type: FrameType, stream: number, payload: Buffer): void;
  /** Asks for a turn to send data or the end. */
  schedule(stream: TunnelStream): void;
  /** The stream is over: nothing more is sent or received on it. */
  forget(stream: TunnelStream): void;
}

const NOTHING = Buffer.alloc(0);

/**
 * One connection through the tunnel, as a Duplex with half-close. The side that opened it hears `accept` (with the
 * acceptor's answer) before any data, or an `error` of class StreamReset. Destroying it resets the peer's side.
 */
export class TunnelStream extends Duplex {
  readonly id: number;
  readonly #carrier: StreamCarrier;
  /** Bytes that we may still send. */
  #credit: number;
  #queue: Buffer[] = [];
  #queued = 0;
  #flushed: (() => void) | undefined;
  #ended: (() => void) | undefined;
  #endSent = false;
  /** Bytes that the peer may still send, and those that were read but not yet granted again. */
  #allowance: number;
  #ungranted = 0;
  readonly #window: number;
  #received: Buffer[] = [];
  #reading = false;
  #endReceived = false;
  #over = false;

  constructor(carrier: StreamCarrier, id: number, sendWindow: number, receiveWindow: number) {
    super({ allowHalfOpen: true, highWaterMark: MAX_PAYLOAD_BYTES });
    this.#carrier = carrier;
    this.id = id;
    this.#credit = sendWindow;
    this.#allowance = receiveWindow;
    this.#window = receiveWindow;
  }

  /** Says yes to the peer that opened the stream. */
  accept(answer: Buffer = NOTHING): void {
    if (!this.#over) this.#carrier.control(FrameType.accept, this.id, answer);
  }

  /** Ends both directions at once, with the reason that the peer is told. */
  reset(code: ResetCode, reason: string): void {
    this.destroy(new StreamReset(code, reason));
  }

  /** The session ended: the streams go with it, and the peer is not told. */
  abandon(cause: Error): void {
    this.#over = true;
    this.destroy(cause);
  }

  /** Whether a turn would send something now. */
  get sendable(): boolean {
    return !this.#over && ((this.#queued > 0 && this.#credit > 0) || this.#endDue);
  }

  get #endDue(): boolean {
    return this.#queued === 0 && this.#ended !== undefined;
  }

  /** What this stream sends in its turn: at most `quantum` bytes of data, or the end. */
  takeTurn(quantum: number): { type: FrameType; payload: Buffer[]; length: number } {
    if (this.#endDue) {
      this.#endSent = true;
      const ended = this.#ended;
      this.#ended = undefined;
      ended?.();
      return { type: FrameType.end, payload: [], length: 0 };
    }
    const limit = Math.min(quantum, this.#credit, MAX_PAYLOAD_BYTES);
    const payload: Buffer[] = [];
    let length = 0;
    for (let next = this.#queue[0]; next && length < limit; next = this.#queue[0]) {
      const part = next.subarray(0, limit - length);
      payload.push(part);
      length += part.length;
      if (part.length === next.length) this.#queue.shift();
      else this.#queue[0] = next.subarray(part.length);
    }
    this.#credit -= length;
    this.#queued -= length;
    if (this.#queued === 0) {
      const flushed = this.#flushed;
      this.#flushed = undefined;
      flushed?.();
    }
    return { type: FrameType.data, payload, length };
  }

  /** Handles a frame of the peer. Throws TunnelError (protocolError) when it breaks a rule. */
  receive(type: FrameType, payload: Buffer): void {
    if (type === FrameType.data) this.#receiveData(payload);
    else if (type === FrameType.end) this.#receiveEnd();
    else if (type === FrameType.credit) this.#receiveCredit(decodeUint32(payload));
    else if (type === FrameType.accept) this.emit('accept', payload);
    else if (type === FrameType.reset) {
      const { code, reason } = decodeReason(payload);
      this.#over = true;
      this.destroy(new StreamReset(code as ResetCode, reason));
    }
  }

  #receiveData(payload: Buffer): void {
    this.#allowance -= payload.length;
    if (this.#allowance < 0 || this.#endReceived) {
      throw new TunnelError(CloseCode.protocolError, `stream ${this.id}: data beyond its credit or its end`);
    }
    this.#received.push(payload);
    this.#deliver();
  }

  #receiveEnd(): void {
    if (this.#endReceived) throw new TunnelError(CloseCode.protocolError, `stream ${this.id}: ended twice`);
    this.#endReceived = true;
    this.#deliver();
  }

  #receiveCredit(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > 0xffff_ffff) {
      throw new TunnelError(CloseCode.protocolError, `stream ${this.id}: more credit than 32 bits hold`);
    }
    this.#carrier.schedule(this);
  }

  #deliver(): void {
    while (this.#reading) {
      const next = this.#received.shift();
      if (!next) break;
      this.#ungranted += next.length;
      this.#reading = this.push(next);
    }
    // Granting by quarters keeps the sender going at the cost of one small frame for each.
    if (this.#ungranted >= this.#window / 4 && !this.#endReceived && !this.#over) {
      this.#carrier.control(FrameType.credit, this.id, encodeUint32(this.#ungranted));
      this.#allowance += this.#ungranted;
      this.#ungranted = 0;
    }
    if (this.#endReceived && this.#received.length === 0) this.push(null);
  }

  override _read(): void {
    this.#reading = true;
    this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#enqueue([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#enqueue(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #enqueue(chunks: Buffer[], done: () => void): void {
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#queue.push(chunk);
      this.#queued += chunk.length;
    }
    if (this.#queued === 0) return done();
    this.#flushed = done;
    this.#carrier.schedule(this);
  }

  override _final(done: () => void): void {
    this.#ended = done;
    this.#carrier.schedule(this);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const complete = this.#endSent && this.#endReceived;
    if (!this.#over && !complete) {
      const code = error ? resetCodeOf(error) : ResetCode.cancelled;
      this.#carrier.control(FrameType.reset, this.id, encodeReason(code, error?.message ?? 'cancelled'));
    }
    this.#over = true;
    this.#queue = [];
    this.#queued = 0;
    this.#received = [];
    this.#carrier.forget(this);
    done(error);
  }
}
