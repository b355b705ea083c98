import { FrameDecoder } from './decode.ts';
import { CloseCode, TunnelError } from './errors.ts';
import type { Frame } from './frame.ts';
import * as limits from './limits.ts';
import type { Clock, Link, Patience } from './link.ts';

/** What a wire tells the tunnel that it belongs to. None is called after `end`, and none from within `send`. */
export interface WireEvents {
  /** A frame of the peer. Throws TunnelError when it breaks a rule. */
  onFrame(frame: Frame): void;
  /** There is room for more again. */
  onDrained(): void;
  /** It is time for a sign of life. */
  onBeat(): void;
  /** The peer has been silent for a while and may have gone; or it has been heard again. */
  onSilence(silent: boolean): void;
  /** The link is gone: it closed, was silent for too long, or brought no hello. */
  onLost(error: TunnelError): void;
  /** The peer broke a rule, or a handler failed: the session cannot go on. */
  onBroken(error: TunnelError): void;
}

/** One link in use by a tunnel: its bytes as frames, its heartbeat, and its end. A tunnel may use several in turn. */
export class Wire {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #events: WireEvents;
  readonly #decoder = new FrameDecoder();
  #cancelTimer: () => void;
  /** Heartbeats in a row before which nothing was heard. Counted, so that a pause of our own is not the peer's silence. */
  #silentBeats = 0;
  #heardAt = Number.NEGATIVE_INFINITY;
  #met = false;
  #over = false;
  /** Bytes, headers included. */
  sent = 0;
  received = 0;

  constructor(link: Link, clock: Clock, events: WireEvents) {
    this.#link = link;
    this.#clock = clock;
    this.#events = events;
    link.onBytes = (chunk) => this.#receive(chunk);
    link.onDrained = () => {
      if (!this.#over) events.onDrained();
    };
    link.onClosed = (cause) => this.#lose(`the link closed${cause ? `: ${cause.message}` : ''}`);
    this.#cancelTimer = clock.after(limits.HELLO_TIMEOUT_MS, () => this.#lose('no hello from the peer'));
  }

  /** Whether the peer has said hello on it. */
  get met(): boolean {
    return this.#met;
  }

  /** How long ago (ms) something came last. */
  get silenceMs(): number {
    return this.#clock.now() - this.#heardAt;
  }

  /** The peer has said hello: from now on it must show that it lives. */
  meet(): void {
    this.#met = true;
    this.#cancelTimer();
    this.#beat();
  }

  /** As Link.send. */
  send(buffers: Buffer[], patience?: Patience): boolean {
    for (const { length } of buffers) this.sent += length;
    return this.#link.send(buffers, patience);
  }

  /** Drops it: what was sent still leaves, and nothing is told any more. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer();
    this.#link.close();
  }

  #lose(why: string): void {
    if (this.#over) return;
    this.end();
    this.#events.onLost(new TunnelError(CloseCode.linkLost, why));
  }

  #receive(chunk: Buffer): void {
    if (this.#over) return; // the link still brings what was on its way
    if (this.#silentBeats >= limits.SILENT_BEATS) this.#events.onSilence(false);
    this.#silentBeats = 0;
    this.#heardAt = this.#clock.now();
    this.received += chunk.length;
    try {
      for (const frame of this.#decoder.push(chunk)) {
        this.#events.onFrame(frame);
        if (this.#over) return;
      }
    } catch (error) {
      if (error instanceof TunnelError) return this.#events.onBroken(error);
      this.#events.onBroken(new TunnelError(CloseCode.internal, 'an error in a handler'));
      throw error;
    }
  }

  #beat(): void {
    this.#cancelTimer = this.#clock.after(limits.PING_INTERVAL_MS, () => {
      this.#silentBeats++;
      const silence = this.#silentBeats * limits.PING_INTERVAL_MS;
      if (silence >= limits.SILENCE_LIMIT_MS) return this.#lose(`nothing heard for ${silence} ms`);
      if (this.#silentBeats === limits.SILENT_BEATS) this.#events.onSilence(true);
      this.#events.onBeat();
      this.#beat();
    });
  }
}
