import { Duplex } from 'node:stream';
import { decodeReason, decodeUint32 } from './decode.ts';
import { encodeReason, encodeUint32 } from './encode.ts';
import { CloseCode, knownResetCode, ResetCode, resetCodeOf, StreamReset, TunnelError } from './errors.ts';
import { FrameType, MAX_PAYLOAD_BYTES } from './frame.ts';
import type { Patience } from './link.ts';
import { ReceiveWindow } from './receive-window.ts';
import { SendQueue } from './send-queue.ts';

/** What a stream asks of the tunnel that carries it. */
export interface StreamCarrier {
  /** Queues a control frame of this stream ahead of all data. It leaves at once unless `patience` is said. */
  control(type: FrameType, stream: number, payload: Buffer, patience?: Patience): void;
  /** Asks for a turn to send data or the end. */
  schedule(stream: TunnelStream): void;
  /** The stream is over: nothing more is sent or received on it. */
  forget(stream: TunnelStream): void;
  /** By how much (bytes) the window of a stream may grow whose reader has just taken `bytes`. */
  growth(stream: TunnelStream, bytes: number): number;
}

export interface TunnelStreamOptions {
  id: number;
  /** Whether this end opened it. */
  opened: boolean;
  /** Bytes that either side may send before the first credit. */
  sendWindow: number;
  receiveWindow: number;
}

interface Turn {
  type: FrameType;
  payload: Buffer[];
  /** Bytes of the payload. */
  length: number;
  patience: Patience;
}

const NOTHING = Buffer.alloc(0);

/** A smaller payload is copied out of the chunk that it came in, and merged with others that wait. */
const SMALL_BYTES = 4096;

/**
 * One connection through the tunnel, as a Duplex with half-close. The side that opened it hears `accept` (with the
 * acceptor's answer) before any data, or an `error` of class StreamReset. Destroying it resets the peer's side.
 */
export class TunnelStream extends Duplex {
  readonly id: number;
  readonly #carrier: StreamCarrier;
  readonly #opened: boolean;
  #accepted = false;
  /** Bytes that we may still send. */
  #credit: number;
  readonly #queue = new SendQueue();
  #flushed: ((error?: Error) => void) | undefined;
  #ended: (() => void) | undefined;
  #endSent = false;
  readonly #window: ReceiveWindow;
  #granting = false;
  #received: Buffer[] = [];
  #reading = false;
  #endReceived = false;
  /** Whether data was sent to a peer that has ended: it waits for ours, as for the end of an answer. */
  #answered = false;
  #over = false;

  constructor(carrier: StreamCarrier, { id, opened, sendWindow, receiveWindow }: TunnelStreamOptions) {
    super({ allowHalfOpen: true, highWaterMark: MAX_PAYLOAD_BYTES });
    this.#carrier = carrier;
    this.id = id;
    this.#opened = opened;
    this.#credit = sendWindow;
    this.#window = new ReceiveWindow(receiveWindow);
  }

  /**
   * Says yes to the peer that opened the stream; what is written before waits for it. A peer that has sent something already
   * waits for what it is answered, not for this, unless it sends the rest after it: then `patience` says so.
   */
  accept(answer: Buffer = NOTHING, patience: Patience = this.#received.length > 0 ? 'linger' : 'turn'): void {
    if (this.#opened || this.#accepted) throw new Error(`stream ${this.id} cannot be accepted`);
    if (this.#over) return;
    this.#carrier.control(FrameType.accept, this.id, answer, patience);
    this.#accepted = true;
    this.#carrier.schedule(this);
  }

  /** Ends both directions at once, with the reason that the peer is told. */
  reset(code: ResetCode, reason: string): void {
    this.destroy(new StreamReset(code, reason));
  }

  /** The session ended, or the stream never began: the peer is not told. */
  abandon(cause: Error): void {
    this.#over = true;
    this.destroy(cause);
  }

  /** Whether a turn would send something now. */
  get sendable(): boolean {
    if (this.#over || !(this.#opened || this.#accepted)) return false;
    return (this.hasData && this.#credit > 0) || this.#endDue;
  }

  /** Bytes that the peer may have on its way to us when everything was read. */
  get window(): number {
    return this.#window.size;
  }

  /** Whether data waits to be sent, for a turn or for credit. */
  get hasData(): boolean {
    return this.#queue.bytes > 0;
  }

  get #endDue(): boolean {
    return !this.hasData && this.#ended !== undefined;
  }

  /** What this stream sends in its turn: at most `quantum` bytes of data, or the end. */
  takeTurn(quantum: number): Turn {
    if (this.#endDue) {
      this.#endSent = true;
      // Told on the next tick, like a flush below, so that nobody calls into the sending from within it.
      if (this.#ended) process.nextTick(this.#ended);
      this.#ended = undefined;
      const patience = this.#endReceived && !this.#answered ? 'linger' : 'turn';
      return { type: FrameType.end, payload: [], length: 0, patience };
    }
    const { payload, length } = this.#queue.take(Math.min(quantum, this.#credit, MAX_PAYLOAD_BYTES));
    this.#credit -= length;
    this.#answered ||= this.#endReceived;
    if (!this.hasData && this.#flushed) {
      process.nextTick(this.#flushed);
      this.#flushed = undefined;
    }
    return { type: FrameType.data, payload, length, patience: 'turn' };
  }

  /** Handles a frame of the peer. Throws TunnelError (protocolError) when it breaks a rule. */
  receive(type: FrameType, payload: Buffer): void {
    if (type === FrameType.data) this.#receiveData(payload);
    else if (type === FrameType.end) this.#receiveEnd();
    else if (type === FrameType.credit) this.#receiveCredit(decodeUint32(payload));
    else if (type === FrameType.accept) this.#receiveAccept(payload);
    else if (type === FrameType.reset) {
      const { code, reason } = decodeReason(payload);
      this.#over = true;
      this.destroy(new StreamReset(knownResetCode(code), reason));
    }
  }

  #receiveAccept(answer: Buffer): void {
    if (!this.#opened || this.#accepted) throw this.#broken('an accept that nobody waits for');
    this.#accepted = true;
    this.emit('accept', answer);
  }

  #receiveData(payload: Buffer): void {
    if (this.#opened && !this.#accepted) throw this.#broken('data before accept');
    const allowed = this.#window.arrived(payload.length);
    if (!allowed || this.#endReceived) throw this.#broken('data beyond its credit or its end');
    this.#keep(payload);
    this.#deliver();
  }

  /** What waits here costs what it weighs: small payloads neither hold on to whole chunks nor stay one object each. */
  #keep(payload: Buffer): void {
    const last = this.#received.at(-1);
    if (last && last.length + payload.length <= SMALL_BYTES) {
      this.#received[this.#received.length - 1] = Buffer.concat([last, payload]);
    } else {
      this.#received.push(payload.length < SMALL_BYTES ? Buffer.from(payload) : payload);
    }
  }

  #receiveEnd(): void {
    if (this.#opened && !this.#accepted) throw this.#broken('its end before accept');
    if (this.#endReceived) throw this.#broken('ended twice');
    this.#endReceived = true;
    this.#deliver();
  }

  #receiveCredit(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > 0xffff_ffff) throw this.#broken('more credit than 32 bits hold');
    this.#carrier.schedule(this);
  }

  #broken(what: string): TunnelError {
    return new TunnelError(CloseCode.protocolError, `stream ${this.id}: ${what}`);
  }

  #deliver(): void {
    let read = 0;
    while (this.#reading) {
      const next = this.#received.shift();
      if (!next) break;
      read += next.length;
      this.#reading = this.push(next);
    }
    // Once for all that came together.
    if (this.#window.read(read) && !this.#granting) {
      this.#granting = true;
      process.nextTick(() => this.#grant());
    }
    if (this.#endReceived && this.#received.length === 0) this.push(null);
  }

  #grant(): void {
    this.#granting = false;
    if (this.#endReceived || this.#over) return;
    const credit = this.#window.grant((read) => this.#carrier.growth(this, read));
    this.#carrier.control(FrameType.credit, this.id, encodeUint32(credit));
  }

  override _read(): void {
    this.#reading = true;
    this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#enqueue([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error) => void): void {
    this.#enqueue(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #enqueue(chunks: Buffer[], done: (error?: Error) => void): void {
    this.#queue.add(chunks);
    if (!this.hasData) return done();
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
    this.#queue.clear();
    this.#received = [];
    this.#carrier.forget(this);
    this.#flushed?.(error ?? new StreamReset(ResetCode.cancelled, 'cancelled'));
    this.#flushed = undefined;
    done(error);
  }
}
