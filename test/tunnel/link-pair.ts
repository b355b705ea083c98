import { setImmediate as immediate } from 'node:timers/promises';
import { FrameDecoder } from '../../src/tunnel/decode.ts';
import type { Frame } from '../../src/tunnel/frame.ts';
import type { Clock, Link, Patience } from '../../src/tunnel/link.ts';

export interface LinkScript {
  /** The size of the next chunk; everything at once by default. */
  chunk?: () => number;
  /** Bytes on the way from which `send` says that it is full. */
  capacity?: number;
  /** How long each send is on its way, by `clock`. */
  delayMs?: number;
  clock?: Clock;
}

/** One end of a link in memory. What it sends reaches the other end in later turns of the event loop. */
export class ScriptedLink implements Link {
  onBytes: (chunk: Buffer) => void = () => {};
  onDrained: () => void = () => {};
  onClosed: (cause?: Error) => void = () => {};
  /** Everything this end has sent. */
  readonly sent: Buffer[] = [];
  /** How soon each of it had to leave. */
  readonly patience: (Patience | undefined)[] = [];
  capacity: number;
  held = false;
  readonly #script: LinkScript;
  #peer: ScriptedLink | undefined;
  #queue: Buffer[] = [];
  #queued = 0;
  #full = false;
  #moving = false;
  #closing = false;
  #closed = false;
  #moves = 0;

  constructor(script: LinkScript) {
    this.#script = script;
    this.capacity = script.capacity ?? Number.POSITIVE_INFINITY;
  }

  join(peer: ScriptedLink): void {
    this.#peer = peer;
  }

  send(buffers: Buffer[], patience?: Patience): boolean {
    if (this.#closed || this.#closing) return true;
    const bytes = Buffer.concat(buffers);
    this.sent.push(bytes);
    this.patience.push(patience);
    const { clock, delayMs } = this.#script;
    if (clock && delayMs) clock.after(delayMs, () => this.#enqueue(bytes));
    else this.#enqueue(bytes);
    this.#full = this.#queued >= this.capacity;
    return !this.#full;
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#schedule();
  }

  /** Breaks the link: what is on its way is lost. */
  cut(cause?: Error): void {
    this.#over(cause);
    if (this.#peer) this.#peer.#over(cause);
  }

  /** Lets nothing through until `release`. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    this.#schedule();
  }

  /** Bytes that have not reached the other end. */
  get onTheWay(): number {
    return this.#queued;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How often something has moved. */
  get moves(): number {
    return this.#moves;
  }

  /** The frames this end has sent, from the one numbered `from`. */
  frames(from = 0): Frame[] {
    return [...new FrameDecoder().push(Buffer.concat(this.sent))].slice(from);
  }

  #enqueue(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#moving || this.held) return;
    this.#moving = true;
    setImmediate(() => {
      this.#moving = false;
      this.#move();
    });
  }

  #move(): void {
    if (this.held || this.#closed) return;
    this.#moves++;
    const bytes = Buffer.concat(this.#queue);
    this.#queue = [];
    for (let at = 0; at < bytes.length && !this.#closed; ) {
      const size = Math.max(1, this.#script.chunk?.() ?? bytes.length);
      const chunk = bytes.subarray(at, at + size);
      at += chunk.length;
      this.#queued -= chunk.length;
      this.#peer?.onBytes(chunk);
    }
    if (this.#full && this.#queued < this.capacity) {
      this.#full = false;
      this.onDrained();
    }
    if (this.#closing && this.#queue.length === 0) this.cut();
    else if (this.#queue.length > 0) this.#schedule();
  }

  #over(cause?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#queued = 0;
    this.onClosed(cause);
  }
}

/** Two ends of one link. */
export function linkPair(script: LinkScript = {}): [ScriptedLink, ScriptedLink] {
  const pair: [ScriptedLink, ScriptedLink] = [new ScriptedLink(script), new ScriptedLink(script)];
  pair[0].join(pair[1]);
  pair[1].join(pair[0]);
  return pair;
}

/** Waits until nothing moves on these links any more, and what streams do in turn has happened. */
export async function settle(...links: ScriptedLink[]): Promise<void> {
  const moves = () => links.reduce((sum, link) => sum + link.moves, 0);
  for (let quiet = 0, seen = moves(); quiet < 3; quiet++) {
    await immediate();
    if (moves() === seen) continue;
    seen = moves();
    quiet = -1;
  }
}
