import { decodeReason, decodeUint32, FrameDecoder } from './decode.ts';
import { checkLength, encodeReason, encodeUint32 } from './encode.ts';
import { CloseCode, knownCloseCode, ResetCode, StreamReset, TunnelError } from './errors.ts';
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
  /** Heartbeats in a row before which nothing was heard. Counted, so that a pause of our own is not the peer's silence. */
  #silentBeats = 0;
  #closed = false;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#link = options.link;
    this.#clock = options.clock ?? systemClock;
    this.#nextId = options.dialled ? 1 : 2;
    this.#outbox = new Outbox(options.link, 0, this.#clock);
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
    this.#cancelHeartbeat = this.#clock.after(limits.HELLO_TIMEOUT_MS, () => {
      this.#fail(new TunnelError(CloseCode.linkLost, 'no hello from the peer'));
    });
    if (options.dialled) this.#sayHello(options.session ?? '');
  }

  /** Streams that are open now. */
  get streams(): number {
    return this.#streams.size;
  }

  /**
   * Opens a stream; `request` tells the peer what for. Throws TunnelError when the session is over or not ready,
   * RangeError for a request of the wrong length. Beyond the peer's count of streams it is reset at once.
   */
  open(request: Buffer): TunnelStream {
    if (this.#closed || !this.#peer) throw new TunnelError(CloseCode.linkLost, 'the tunnel is not open');
    checkLength(FrameType.open, request.length);
    const stream = this.#newStream(this.#nextId, true, this.#peer);
    if (this.#streams.size >= this.#peer.streams) {
      stream.abandon(new StreamReset(ResetCode.tooManyStreams, 'the peer takes no more streams'));
      return stream;
    }
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    this.control(FrameType.open, stream.id, request);
    return stream;
  }

  /** Ends the session in good order; streams that are open are cut. */
  close(code: CloseCode = CloseCode.done, reason = ''): void {
    if (this.#closed) return;
    this.#outbox.close(encodeReason(code, reason));
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

  #newStream(id: number, opened: boolean, peer: Hello): TunnelStream {
    const windows = { sendWindow: peer.window, receiveWindow: limits.STREAM_WINDOW_BYTES };
    return new TunnelStream(this, { id, opened, ...windows });
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
    if (this.#closed) return; // the link still brings what was on its way
    this.#silentBeats = 0;
    try {
      for (const frame of this.#decoder.push(chunk)) {
        this.#handle(frame);
        if (this.#closed) return;
      }
    } catch (error) {
      if (error instanceof TunnelError) return this.#fail(error);
      this.#fail(new TunnelError(CloseCode.internal, 'an error in a handler'));
      throw error;
    }
  }

  #handle(frame: Frame): void {
    const peer = this.#peer;
    if (!peer && frame.type !== FrameType.hello && frame.type !== FrameType.close) {
      throw new TunnelError(CloseCode.protocolError, 'a frame before hello');
    }
    if (peer && frame.stream > 0) return this.#handleSequenced(frame, peer);
    switch (frame.type) {
      case FrameType.hello:
        return this.#meet(decodeHello(frame.payload));
      case FrameType.ack:
        return this.#outbox.acknowledged(decodeUint32(frame.payload));
      case FrameType.ping:
        return this.#outbox.urgent(FrameType.pong, Buffer.from(frame.payload));
      case FrameType.close: {
        const { code, reason } = decodeReason(frame.payload);
        const known = knownCloseCode(code);
        const error = new TunnelError(known, `the peer closed the session${reason && `: ${reason}`}`);
        return this.#finish(known === CloseCode.done ? undefined : error);
      }
    }
  }

  #meet(hello: Hello): void {
    if (this.#peer) throw new TunnelError(CloseCode.protocolError, 'a second hello');
    const { session, dialled } = this.#options;
    if (session !== undefined && hello.session !== session) {
      throw new TunnelError(CloseCode.protocolError, `hello for session ${hello.session}`);
    }
    this.#outbox.acknowledged(hello.expected);
    this.#peer = hello;
    if (!dialled) this.#sayHello(hello.session);
    this.#cancelHeartbeat();
    this.#beat();
    this.#settle.resolve(hello);
    this.#outbox.start();
  }

  #handleSequenced(frame: Frame, peer: Hello): void {
    if (frame.sequence !== this.#expected) {
      throw new TunnelError(CloseCode.protocolError, `frame ${frame.sequence}, expected ${this.#expected}`);
    }
    this.#expected = nextSequence(this.#expected);
    this.#acknowledgeSoon(HEADER_BYTES + frame.payload.length);
    if (frame.type === FrameType.open) return this.#accept(frame, peer);
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

  #accept(frame: Frame, peer: Hello): void {
    const id = frame.stream;
    if (!this.#isPeers(id) || id <= this.#lastPeerId) {
      throw new TunnelError(CloseCode.protocolError, `stream ${id} opened out of order`);
    }
    this.#lastPeerId = id;
    const { onStream } = this.#options;
    if (!onStream) return this.#refuse(id, ResetCode.badRequest, 'this end takes no streams');
    if (this.#streams.size >= limits.MAX_STREAMS) {
      return this.#refuse(id, ResetCode.tooManyStreams, 'too many streams');
    }
    const stream = this.#newStream(id, false, peer);
    stream.on('error', () => {}); // a peer's reset never ends the process, whatever the handler listens to
    this.#streams.set(id, stream);
    onStream(stream, frame.payload);
  }

  #refuse(id: number, code: ResetCode, reason: string): void {
    this.control(FrameType.reset, id, encodeReason(code, reason));
  }

  #acknowledgeSoon(bytes: number): void {
    this.#unacknowledged += bytes;
    const send = () => {
      this.#cancelAck?.();
      this.#cancelAck = undefined;
      this.#unacknowledged = 0;
      this.#outbox.urgent(FrameType.ack, encodeUint32(this.#expected));
    };
    if (this.#unacknowledged >= limits.ACK_AFTER_BYTES) send();
    else this.#cancelAck ??= this.#clock.after(limits.ACK_AFTER_MS, send);
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#clock.after(limits.PING_INTERVAL_MS, () => {
      this.#silentBeats++;
      const silence = this.#silentBeats * limits.PING_INTERVAL_MS;
      if (silence >= limits.SILENCE_LIMIT_MS) {
        return this.#fail(new TunnelError(CloseCode.linkLost, `nothing heard for ${silence} ms`));
      }
      this.#outbox.urgent(FrameType.ping, Buffer.alloc(8));
      this.#beat();
    });
  }

  #fail(error: TunnelError): void {
    if (this.#closed) return;
    this.#outbox.close(encodeReason(error.code, error.message));
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
