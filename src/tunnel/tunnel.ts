import { decodeReason, decodeUint32, FrameDecoder } from './decode.ts';
import { encodeReason, encodeUint32 } from './encode.ts';
import { CloseCode, ResetCode, TunnelError } from './errors.ts';
import { FRAME_RULES, type Frame, FrameType, HEADER_BYTES, nextSequence } from './frame.ts';
import { decodeHello, encodeHello, type Hello, type Role } from './hello.ts';
import * as limits from './limits.ts';
import { type Clock, type Link, systemClock } from './link.ts';
import { Outbox } from './outbox.ts';
import { type StreamCarrier, TunnelStream } from './stream.ts';

export interface TunnelOptions {
  link: Link;
  role: Role;
  /** The session's id. An end that does not dial may leave it out: it takes the one it is told. */
  session?: string;
  /** Whether this end dialled; it then opens streams with odd numbers, the other with even ones. */
  dialled: boolean;
  clock?: Clock;
  /** A stream that the peer opened, with its request. The handler accepts or resets it. */
  onStream?: (stream: TunnelStream, request: Buffer) => void;
  /** The session is over. Without an error it was closed in good order. */
  onClosed?: (error?: TunnelError) => void;
}

/** One session: many streams over one link. Both ends are one of these. */
export class Tunnel implements StreamCarrier {
  /** Settles when the peer has said hello; rejects with TunnelError if the session ends before. */
  readonly ready: Promise<Hello>;
  readonly #options: TunnelOptions;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #decoder = new FrameDecoder();
  readonly #outbox: Outbox;
  readonly #streams = new Map<number, TunnelStream>();
  #settle!: { resolve: (hello: Hello) => void; reject: (error: Error) => void };
  #peer: Hello | undefined;
  #nextId: number;
  #lastPeerId = 0;
  #expected = 0;
  #unacknowledged = 0;
  #cancelAck: (() => void) | undefined;
  #cancelHeartbeat: () => void;
  #lastHeard: number;
  #closed = false;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#link = options.link;
    this.#clock = options.clock ?? systemClock;
    this.#nextId = options.dialled ? 1 : 2;
    this.#outbox = new Outbox(options.link);
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ready.catch(() => {}); // `onClosed` tells it too
    this.#link.onBytes = (chunk) => this.#receive(chunk);
    this.#link.onDrained = () => this.#outbox.drained();
    this.#link.onClosed = (cause) => {
      this.#finish(
        new TunnelError(CloseCode.linkLost, `the link closed${cause ? `: ${cause.message}` : ''}`),
      );
    };
    this.#lastHeard = this.#clock.now();
    this.#cancelHeartbeat = this.#clock.after(limits.HELLO_TIMEOUT_MS, () => {
      this.#fail(new TunnelError(CloseCode.linkLost, 'no hello from the peer'));
    });
    if (options.dialled) this.#sayHello(options.session ?? '');
  }

  /** Streams that are open now. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Opens a stream; `request` tells the peer what for. Throws TunnelError when the session is over or not ready. */
  open(request: Buffer): TunnelStream {
    if (this.#closed || !this.#peer) throw new TunnelError(CloseCode.linkLost, 'the tunnel is not open');
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new TunnelStream(this, id, this.#peer.window, limits.STREAM_WINDOW_BYTES);
    this.#streams.set(id, stream);
    this.control(FrameType.open, id, request);
    if (this.#streams.size > this.#peer.streams) {
      stream.reset(ResetCode.tooManyStreams, 'the peer takes no more streams');
    }
    return stream;
  }

  /** Ends the session in good order; streams that are open are cut. */
  close(code: CloseCode = CloseCode.done, reason = ''): void {
    if (this.#closed) return;
    this.#outbox.urgent(FrameType.close, encodeReason(code, reason));
    this.#finish(code === CloseCode.done ? undefined : new TunnelError(code, reason));
  }

  control(type: FrameType, stream: number, payload: Buffer): void {
    if (this.#closed) return;
    if (!this.#outbox.control(type, stream, payload)) {
      this.#fail(new TunnelError(CloseCode.protocolError, 'the peer does not read'));
    }
  }

  schedule(stream: TunnelStream): void {
    this.#outbox.schedule(stream);
  }

  forget(stream: TunnelStream): void {
    this.#streams.delete(stream.id);
  }

  #sayHello(session: string): void {
    const { role } = this.#options;
    const window = limits.STREAM_WINDOW_BYTES;
    const hello = encodeHello({
      role,
      session,
      window,
      streams: limits.MAX_STREAMS,
      expected: this.#expected,
    });
    this.#outbox.urgent(FrameType.hello, hello);
  }

  #receive(chunk: Buffer): void {
    this.#lastHeard = this.#clock.now();
    try {
      for (const frame of this.#decoder.push(chunk)) {
        this.#handle(frame);
        if (this.#closed) return;
      }
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#fail(error);
    }
  }

  #handle(frame: Frame): void {
    if (!this.#peer && frame.type !== FrameType.hello && frame.type !== FrameType.close) {
      throw new TunnelError(CloseCode.protocolError, 'a frame before hello');
    }
    if (frame.stream > 0) return this.#handleSequenced(frame);
    switch (frame.type) {
      case FrameType.hello:
        return this.#meet(decodeHello(frame.payload));
      case FrameType.ack:
        return this.#outbox.acknowledged(decodeUint32(frame.payload));
      case FrameType.ping:
        return this.#outbox.urgent(FrameType.pong, Buffer.from(frame.payload));
      case FrameType.close: {
        const { code, reason } = decodeReason(frame.payload);
        return this.#finish(
          code === CloseCode.done
            ? undefined
            : new TunnelError(code as CloseCode, reason || 'closed by the peer'),
        );
      }
    }
  }

  #meet(hello: Hello): void {
    if (this.#peer) throw new TunnelError(CloseCode.protocolError, 'a second hello');
    const { session, dialled } = this.#options;
    if (session !== undefined && hello.session !== session) {
      throw new TunnelError(CloseCode.protocolError, `hello for session ${hello.session}`);
    }
    this.#peer = hello;
    if (!dialled) this.#sayHello(hello.session);
    this.#cancelHeartbeat();
    this.#beat();
    this.#settle.resolve(hello);
    this.#outbox.start();
  }

  #handleSequenced(frame: Frame): void {
    if (frame.sequence !== this.#expected) {
      throw new TunnelError(CloseCode.protocolError, `frame ${frame.sequence}, expected ${this.#expected}`);
    }
    this.#expected = nextSequence(this.#expected);
    this.#acknowledgeSoon(HEADER_BYTES + frame.payload.length);
    if (frame.type === FrameType.open) return this.#accept(frame);
    const stream = this.#streams.get(frame.stream);
    if (stream) return stream.receive(frame.type, frame.payload);
    // A stream that we have reset or finished: its last frames crossed ours and mean nothing any more.
    const known = this.#isPeers(frame.stream)
      ? frame.stream <= this.#lastPeerId
      : frame.stream < this.#nextId;
    if (!known) {
      const name = FRAME_RULES.get(frame.type)?.name;
      throw new TunnelError(
        CloseCode.protocolError,
        `a ${name} frame on stream ${frame.stream}, never opened`,
      );
    }
  }

  #isPeers(id: number): boolean {
    return (id % 2 === 1) !== this.#options.dialled;
  }

  #accept(frame: Frame): void {
    const id = frame.stream;
    if (!this.#isPeers(id) || id <= this.#lastPeerId) {
      throw new TunnelError(CloseCode.protocolError, `stream ${id} opened out of order`);
    }
    this.#lastPeerId = id;
    if (this.#streams.size >= limits.MAX_STREAMS || !this.#options.onStream) {
      const reason = encodeReason(ResetCode.tooManyStreams, 'too many streams');
      return this.control(FrameType.reset, id, reason);
    }
    const stream = new TunnelStream(this, id, this.#peer?.window ?? 0, limits.STREAM_WINDOW_BYTES);
    this.#streams.set(id, stream);
    this.#options.onStream(stream, frame.payload);
  }

  #acknowledgeSoon(bytes: number): void {
    this.#unacknowledged += bytes;
    const send = () => {
      this.#cancelAck?.();
      this.#cancelAck = undefined;
      this.#unacknowledged = 0;
      if (!this.#closed) this.#outbox.urgent(FrameType.ack, encodeUint32(this.#expected));
    };
    if (this.#unacknowledged >= limits.ACK_AFTER_BYTES) send();
    else this.#cancelAck ??= this.#clock.after(limits.ACK_AFTER_MS, send);
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#clock.after(limits.PING_INTERVAL_MS, () => {
      const silence = this.#clock.now() - this.#lastHeard;
      if (silence >= limits.SILENCE_LIMIT_MS) {
        return this.#fail(new TunnelError(CloseCode.linkLost, `nothing heard for ${Math.round(silence)} ms`));
      }
      this.#outbox.urgent(FrameType.ping, Buffer.alloc(8));
      this.#beat();
    });
  }

  #fail(error: TunnelError): void {
    if (this.#closed) return;
    this.#outbox.urgent(FrameType.close, encodeReason(error.code, error.message));
    this.#finish(error);
  }

  #finish(error: TunnelError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelHeartbeat();
    this.#cancelAck?.();
    this.#outbox.stop();
    this.#link.close();
    const cause = error ?? new TunnelError(CloseCode.done, 'the session was closed');
    for (const stream of [...this.#streams.values()]) stream.abandon(cause);
    this.#settle.reject(cause);
    this.#options.onClosed?.(error);
  }
}
