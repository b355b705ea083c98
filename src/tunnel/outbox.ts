import { checkLength, encodeHeader } from './encode.ts';
import { CloseCode, TunnelError } from './errors.ts';
import { Flight } from './flight.ts';
import { FrameType, HEADER_BYTES, nextSequence } from './frame.ts';
import * as limits from './limits.ts';
import { type Clock, type Link, lessPatient, type Patience, systemClock } from './link.ts';
import { Sharing } from './sharing.ts';
import type { TunnelStream } from './stream.ts';

interface Control {
  type: FrameType;
  stream: number;
  payload: Buffer;
  patience: Patience;
}

/**
 * Decides what is sent next: control frames first, then one quantum of each stream in turn. Stops while the link is
 * full or too much is unacknowledged, so that what is queued stays with the streams, where it is bounded.
 */
export class Outbox {
  /** None while the session waits for another one. */
  #link: Pick<Link, 'send'> | undefined;
  #control: Control[] = [];
  /** Frames outside the sequence. Of each type only the newest matters, so a peer cannot make them pile up. */
  readonly #urgent = new Map<FrameType, Buffer>();
  readonly #turns = new Set<TunnelStream>();
  /** What the peer has not acknowledged, oldest first: it is sent again on the next link. */
  #unacknowledged: { sequence: number; bytes: number; frame: Buffer[]; departed: number }[] = [];
  /** How many of them were sent on this link. */
  #sent = 0;
  #inFlight = 0;
  /** Whether all had been acknowledged, and nothing more was there to send. */
  #idle = true;
  /** Bytes sent since an acknowledgement was asked for. */
  #unasked = 0;
  #sequence: number;
  readonly #flight: Flight;
  readonly #sharing: Sharing;
  /** Of the batch that is being put together. */
  #patience: Patience = 'linger';
  #full = false;
  #started = false;
  #stopped = false;

  constructor(firstSequence = 0, clock: Clock = systemClock) {
    this.#flight = new Flight(clock);
    this.#sharing = new Sharing(clock);
    this.#sequence = firstSequence;
  }

  /** Sends sequenced frames from now on: the peer has said hello. Those that it has not had come first, as they were. */
  start(): void {
    this.#started = true;
    this.#pump();
  }

  /** The link is gone. Frames of streams wait for the next one; those of the link itself went with it. */
  detach(): void {
    this.#link = undefined;
    this.#started = false;
    this.#full = false;
    this.#urgent.clear();
  }

  /** Uses another link. Nothing but unsequenced frames is sent before `start`. */
  attach(link: Pick<Link, 'send'>): void {
    this.detach();
    this.#link = link;
    this.#sent = 0;
    this.#flight.reset();
  }

  stop(): void {
    this.#stopped = true;
    this.#unacknowledged = [];
    this.#control = [];
    this.#urgent.clear();
    this.#turns.clear();
  }

  /** Says why the session ends: even on a full link, and nothing follows. */
  close(reason: Buffer): void {
    if (this.#stopped) return;
    this.stop();
    this.#link?.send([encodeHeader(FrameType.close, 0, 0, reason.length), reason]);
  }

  drained(): void {
    this.#full = false;
    this.#pump();
  }

  /** Sends an unsequenced frame; without a link there is nobody whom it concerns. */
  urgent(type: FrameType, payload: Buffer): void {
    if (this.#stopped || !this.#link) return;
    this.#urgent.set(type, payload);
    this.#pump();
  }

  /**
   * Queues a stream's control frame. False when the peer reads so little that the queue is at its bound.
   * Throws RangeError for a payload that breaks the type's rule.
   */
  control(type: FrameType, stream: number, payload: Buffer, patience: Patience = 'turn'): boolean {
    checkLength(type, payload.length);
    if (type === FrameType.reset && this.#forgetOpening(stream)) return true;
    if (this.#control.length >= limits.MAX_CONTROL_FRAMES) return false;
    this.#control.push({ type, stream, payload, patience });
    this.#pump();
    return true;
  }

  /** A stream that came and went while there is no link never was: without this, they would pile up until there is one. */
  #forgetOpening(stream: number): boolean {
    if (this.#started) return false;
    const others = this.#control.filter((frame) => frame.stream !== stream);
    const opened = this.#control.some((frame) => frame.stream === stream && frame.type === FrameType.open);
    if (opened) this.#control = others;
    return opened;
  }

  schedule(stream: TunnelStream): void {
    if (this.#stopped || !stream.sendable) return;
    this.#turns.add(stream);
    this.#pump();
  }

  /** The peer has everything before `expected`. Throws TunnelError when that was never sent. */
  acknowledged(expected: number): void {
    let count = 0;
    let arrived = 0;
    for (const { sequence, bytes } of this.#unacknowledged) {
      if (sequence === expected) break;
      arrived += bytes;
      count++;
    }
    if (count === this.#unacknowledged.length && expected !== this.#sequence) {
      throw new TunnelError(CloseCode.protocolError, `acknowledged ${expected}, which was never sent`);
    }
    const last = this.#unacknowledged[count - 1];
    if (!last) return;
    this.#inFlight -= arrived;
    // What was sent over an earlier link says nothing of this one.
    if (count <= this.#sent) this.#flight.arrive(arrived, last.departed);
    this.#unacknowledged = this.#unacknowledged.slice(count);
    this.#sent = Math.max(0, this.#sent - count);
    this.#pump();
    this.#idle = this.#inFlight === 0;
  }

  #pump(): void {
    while (this.#link && !this.#full && !this.#stopped) {
      const batch = this.#nextBatch();
      if (batch.length === 0) break;
      this.#full = !this.#link.send(batch, this.#patience);
    }
  }

  #nextBatch(): Buffer[] {
    const batch: Buffer[] = [];
    let bytes = 0;
    this.#patience = 'linger';
    while (bytes < limits.BATCH_BYTES) {
      const frame = this.#nextFrame();
      if (!frame) break;
      for (const buffer of frame) {
        batch.push(buffer);
        bytes += buffer.length;
      }
    }
    return batch;
  }

  #nextFrame(): Buffer[] | undefined {
    for (const [type, payload] of this.#urgent) {
      this.#urgent.delete(type);
      this.#hurry('turn');
      return [encodeHeader(type, 0, 0, payload.length), payload];
    }
    if (!this.#started) return undefined;
    const again = this.#unacknowledged[this.#sent];
    if (again) {
      again.departed = this.#flight.depart(this.#sent === 0);
      this.#sent++;
      this.#hurry('turn');
      return again.frame;
    }
    const shared = this.#sharing.now;
    if (this.#inFlight >= this.#flight.limit(shared)) {
      if (!shared) this.#flight.fill();
      return undefined;
    }
    const control = this.#control.shift();
    if (control) {
      const { type, stream, payload, patience } = control;
      this.#hurry(patience);
      return this.#sequenced(type, stream, [payload], payload.length);
    }
    for (const stream of this.#turns) {
      this.#turns.delete(stream);
      if (!stream.sendable) continue;
      const quantum = shared ? limits.SHARED_QUANTUM_BYTES : limits.QUANTUM_BYTES;
      const { type, payload, length, patience } = stream.takeTurn(quantum);
      this.#hurry(patience);
      if (length > 0) this.#sharing.note(stream, length);
      if (stream.sendable) this.#turns.add(stream); // at the end: a Set keeps the order of insertion
      return this.#sequenced(type, stream.id, payload, length);
    }
    return undefined;
  }

  #hurry(patience: Patience): void {
    this.#patience = lessPatient(this.#patience, patience);
  }

  #sequenced(type: FrameType, stream: number, payload: Buffer[], length: number): Buffer[] {
    const sequence = this.#sequence;
    this.#sequence = nextSequence(sequence);
    const bytes = HEADER_BYTES + length;
    this.#unasked += bytes;
    const flight = this.#flight.limit(this.#sharing.now);
    const ask = this.#unasked >= Math.min(flight * limits.ASK_PART, limits.ASK_BYTES);
    if (ask) this.#unasked = 0;
    const frame = [encodeHeader(type, stream, sequence, length, ask), ...payload];
    const departed = this.#flight.depart(this.#idle);
    this.#idle = false;
    this.#unacknowledged.push({ sequence, bytes, frame, departed });
    this.#sent++;
    this.#inFlight += bytes;
    return frame;
  }
}
