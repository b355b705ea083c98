import { Arrivals } from './arrivals.ts';
import { decodeReason, decodeUint32 } from './decode.ts';
import { checkLength, encodeReason, encodeUint32 } from './encode.ts';
import { CloseCode, knownCloseCode, ResetCode, StreamReset, TunnelError } from './errors.ts';
import { type Frame, FrameType } from './frame.ts';
import { decodeHello, encodeHello, type Hello, type Role } from './hello.ts';
import * as limits from './limits.ts';
import { type Clock, type Link, type Patience, systemClock } from './link.ts';
import { Outbox } from './outbox.ts';
import { type StreamCarrier, TunnelStream } from './stream.ts';
import { StreamTable } from './stream-table.ts';
import { WindowGrowth } from './window-growth.ts';
import { Wire } from './wire.ts';

export interface TunnelOptions {
  link: Link;
  role: Role;
  /** The session's id. An end that does not dial may leave it out: it takes the one it is told. */
  session?: string;
  /** What the peer has said already on this link: see receiveHello. */
  hello?: Hello;
  /** Whether this end dialled; it then opens streams with odd numbers, the other with even ones. */
  dialled: boolean;
  clock?: Clock;
  /** A stream that the peer opened, with its request. The handler accepts or resets it. */
  onStream?: (stream: TunnelStream, request: Buffer) => void;
  /** The session is over. Without an error it was closed in good order. */
  onClosed?: (error?: TunnelError) => void;
  /** Whether the session outlives its link now, and waits for another. Without it, it does not. */
  resumable?: () => boolean;
  /** How long it waits (ms), where that is not RESUME_LIMIT_MS. */
  resumeLimitMs?: number;
  /** `down`: the link is gone, the session waits for another one. `silent`: it may be dead. `up`: neither any more. */
  onLink?: (state: LinkState, why?: TunnelError) => void;
}

export type LinkState = 'up' | 'silent' | 'down';

/** What can be said of a session, for people. Bytes of the links, headers included. */
export interface TunnelFigures {
  streams: number;
  sentBytes: number;
  receivedBytes: number;
  /** The last heartbeat's (ms). */
  roundTripMs: number | undefined;
  /** Links after the first. */
  resumed: number;
}

/** One session: many streams over one link at a time. Both ends are one of these. */
export class Tunnel implements StreamCarrier {
  /** Settles when the peer has said hello; rejects with TunnelError if the session ends before. */
  readonly ready: Promise<Hello>;
  readonly #options: TunnelOptions;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  readonly #windows: WindowGrowth;
  readonly #streams: StreamTable;
  readonly #arrivals: Arrivals;
  #wire: Wire | undefined;
  #settle!: { resolve: (hello: Hello) => void; reject: (error: Error) => void };
  #peer: Hello | undefined;
  #cancelGivingUp: (() => void) | undefined;
  #closed = false;
  #resumed = 0;
  #roundTripMs: number | undefined;
  /** What earlier links carried (bytes). */
  #earlier = { sent: 0, received: 0 };

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#streams = new StreamTable(options.dialled);
    this.#outbox = new Outbox(0, this.#clock);
    this.#arrivals = new Arrivals(this.#clock, (expected) => {
      this.#outbox.urgent(FrameType.ack, encodeUint32(expected));
    });
    this.#windows = new WindowGrowth(this.#clock);
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ready.catch(() => {}); // `onClosed` tells it too
    this.#attach(options.link);
    const { dialled, session = '', hello } = options;
    if (dialled) this.#sayHello(session);
    else if (hello) this.#guard(() => this.#meet(hello));
  }

  /** Whether the session is over. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether it has a link on which the peer has answered. */
  get linked(): boolean {
    return this.#wire?.met ?? false;
  }

  /** How long ago (ms) the peer was heard last on the present link; Infinity without one. */
  get silenceMs(): number {
    return this.#wire?.silenceMs ?? Number.POSITIVE_INFINITY;
  }

  /** The session's id, once both ends have met. */
  get session(): string | undefined {
    return this.#peer?.session;
  }

  get figures(): TunnelFigures {
    return {
      streams: this.#streams.size,
      sentBytes: this.#earlier.sent + (this.#wire?.sent ?? 0),
      receivedBytes: this.#earlier.received + (this.#wire?.received ?? 0),
      roundTripMs: this.#roundTripMs,
      resumed: this.#resumed,
    };
  }

  /**
   * Goes on over another link; one that is still in use is dropped. The end that was dialled has the peer's `hello` of
   * that link already. Throws TunnelError when the session is over, or was never ready.
   */
  resume(link: Link, hello?: Hello): void {
    const peer = this.#peer;
    if (this.#closed || !peer) throw new TunnelError(CloseCode.linkLost, 'the tunnel is not open');
    this.#detach();
    this.#attach(link);
    if (this.#options.dialled) this.#sayHello(peer.session);
    else if (hello) this.#guard(() => this.#meet(hello));
  }

  /** Streams that are open now. */
  get streams(): number {
    return this.#streams.size;
  }

  /**
   * Opens a stream; `request` tells the peer what for, and leaves as soon as `patience` says. Throws TunnelError when the
   * session is over or not ready, RangeError for a request of the wrong length. Beyond the peer's count of streams it is
   * reset at once.
   */
  open(request: Buffer, patience?: Patience): TunnelStream {
    if (this.#closed || !this.#peer) throw new TunnelError(CloseCode.linkLost, 'the tunnel is not open');
    checkLength(FrameType.open, request.length);
    const stream = this.#newStream(this.#streams.nextId, true, this.#peer);
    if (this.#streams.size >= this.#peer.streams) {
      stream.abandon(new StreamReset(ResetCode.tooManyStreams, 'the peer takes no more streams'));
      return stream;
    }
    this.#streams.add(stream);
    this.control(FrameType.open, stream.id, request, patience);
    return stream;
  }

  /** Ends the session in good order; streams that are open are cut. */
  close(code: CloseCode = CloseCode.done, reason = ''): void {
    if (this.#closed) return;
    this.#outbox.close(encodeReason(code, reason));
    this.#finish(code === CloseCode.done ? undefined : new TunnelError(code, reason));
  }

  control(type: FrameType, stream: number, payload: Buffer, patience?: Patience): void {
    if (this.#closed) return;
    if (!this.#outbox.control(type, stream, payload, patience)) {
      this.#fail(new TunnelError(CloseCode.protocolError, 'the peer does not read'));
    }
  }

  schedule(stream: TunnelStream): void {
    this.#outbox.schedule(stream);
  }

  forget(stream: TunnelStream): void {
    if (this.#streams.delete(stream)) this.#windows.forget(stream);
  }

  growth(stream: TunnelStream, bytes: number): number {
    // Before the first heartbeat has come back nothing is known of the path.
    return this.#windows.growth(stream, bytes, this.#roundTripMs ?? 0);
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
      expected: this.#arrivals.expected,
    });
    this.#outbox.urgent(FrameType.hello, hello);
  }

  #attach(link: Link): void {
    this.#wire = new Wire(link, this.#clock, {
      onFrame: (frame) => this.#handle(frame),
      onDrained: () => this.#outbox.drained(),
      onBeat: () => this.#ping(),
      onSilence: (silent) => this.#options.onLink?.(silent ? 'silent' : 'up'),
      onLost: (error) => this.#lose(error),
      onBroken: (error) => this.#fail(error),
    });
    this.#outbox.attach(this.#wire);
  }

  /** Runs what may find a broken rule; that ends the session. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#fail(error);
    }
  }

  #handle(frame: Frame): void {
    const peer = this.#wire?.met ? this.#peer : undefined;
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
      case FrameType.pong:
        this.#roundTripMs = Math.max(0, this.#clock.now() - frame.payload.readDoubleBE(0));
        return;
      case FrameType.close: {
        const { code, reason } = decodeReason(frame.payload);
        const known = knownCloseCode(code);
        const error = new TunnelError(known, `the peer closed the session${reason && `: ${reason}`}`);
        return this.#finish(known === CloseCode.done ? undefined : error);
      }
    }
  }

  #meet(hello: Hello): void {
    const before = this.#peer;
    if (this.#wire?.met) throw new TunnelError(CloseCode.protocolError, 'a second hello');
    const { session, dialled, onLink } = this.#options;
    if ((before?.session ?? session ?? hello.session) !== hello.session) {
      throw new TunnelError(CloseCode.protocolError, `hello for session ${hello.session}`);
    }
    if (before) this.#sameAs(before, hello);
    else if (hello.expected !== 0) {
      throw new TunnelError(CloseCode.unknownSession, `session ${hello.session} is not known here`);
    }
    this.#outbox.acknowledged(hello.expected);
    this.#peer = hello;
    if (!dialled) this.#sayHello(hello.session);
    this.#cancelGivingUp?.();
    this.#cancelGivingUp = undefined;
    this.#wire?.meet();
    this.#settle.resolve(hello);
    if (before) {
      this.#resumed++;
      onLink?.('up');
    }
    this.#outbox.start();
  }

  /** What was agreed on stays; a peer that says otherwise is another one. */
  #sameAs(before: Hello, hello: Hello): void {
    if (hello.role === before.role && hello.window === before.window && hello.streams === before.streams)
      return;
    throw new TunnelError(CloseCode.protocolError, 'a hello that differs from the first one');
  }

  #handleSequenced(frame: Frame, peer: Hello): void {
    this.#arrivals.count(frame);
    if (frame.type === FrameType.open) this.#accept(frame, peer);
    else this.#streams.of(frame)?.receive(frame.type, frame.payload);
  }

  #accept(frame: Frame, peer: Hello): void {
    const id = frame.stream;
    this.#streams.takePeers(id);
    const { onStream } = this.#options;
    if (!onStream) return this.#refuse(id, ResetCode.badRequest, 'this end takes no streams');
    if (this.#streams.size >= limits.MAX_STREAMS) {
      return this.#refuse(id, ResetCode.tooManyStreams, 'too many streams');
    }
    const stream = this.#newStream(id, false, peer);
    stream.on('error', () => {}); // a peer's reset never ends the process, whatever the handler listens to
    this.#streams.add(stream);
    onStream(stream, frame.payload);
  }

  #refuse(id: number, code: ResetCode, reason: string): void {
    this.control(FrameType.reset, id, encodeReason(code, reason));
  }

  /** The peer repeats what is in it, so that it also measures the round trip. */
  #ping(): void {
    const now = Buffer.allocUnsafe(8);
    now.writeDoubleBE(this.#clock.now());
    this.#outbox.urgent(FrameType.ping, now);
  }

  #detach(): void {
    if (!this.#wire) return;
    this.#earlier.sent += this.#wire.sent;
    this.#earlier.received += this.#wire.received;
    this.#wire.end();
    this.#wire = undefined;
    this.#arrivals.stop();
    this.#outbox.detach();
  }

  /** The link is gone: the session ends, or waits for another one. */
  #lose(error: TunnelError): void {
    const { resumable, resumeLimitMs = limits.RESUME_LIMIT_MS, onLink } = this.#options;
    if (!this.#peer || !resumable?.()) return this.#finish(error);
    this.#detach();
    this.#cancelGivingUp ??= this.#clock.after(resumeLimitMs, () => this.#finish(error));
    onLink?.('down', error);
  }

  #fail(error: TunnelError): void {
    if (this.#closed) return;
    this.#outbox.close(encodeReason(error.code, error.message));
    this.#finish(error);
  }

  #finish(error: TunnelError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelGivingUp?.();
    this.#outbox.stop();
    this.#detach();
    const cause = error ?? new TunnelError(CloseCode.done, 'the session was closed');
    this.#streams.abandon(cause);
    this.#settle.reject(cause);
    this.#options.onClosed?.(error);
  }
}
