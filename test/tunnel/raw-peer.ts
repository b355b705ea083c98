import { FrameDecoder } from '../../src/tunnel/decode.ts';
import { encodeHeader, encodeUint32 } from '../../src/tunnel/encode.ts';
import type { TunnelError } from '../../src/tunnel/errors.ts';
import { type Frame, FrameType, nextSequence } from '../../src/tunnel/frame.ts';
import { encodeHello, type Hello } from '../../src/tunnel/hello.ts';
import { MAX_STREAMS, STREAM_WINDOW_BYTES } from '../../src/tunnel/limits.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { Tunnel } from '../../src/tunnel/tunnel.ts';
import { ScriptedClock } from './clock.ts';
import { linkPair, type ScriptedLink, settle } from './link-pair.ts';

export const HELLO: Hello = {
  role: 'agent',
  session: 'test',
  window: STREAM_WINDOW_BYTES,
  streams: MAX_STREAMS,
  expected: 0,
};

/** A peer that says whatever the test wants, opposite a real tunnel which did not dial. */
export class RawPeer {
  readonly clock = new ScriptedClock();
  readonly tunnel: Tunnel;
  /** The tunnel's end of the link. */
  readonly theirs: ScriptedLink;
  readonly link: ScriptedLink;
  /** Streams that the tunnel was given. */
  readonly streams: TunnelStream[] = [];
  readonly closed: (TunnelError | undefined)[] = [];
  /** Frames that arrived here. */
  readonly received: Frame[] = [];
  readonly #decoder = new FrameDecoder();
  #sequence = 0;

  constructor(onStream?: (stream: TunnelStream, request: Buffer) => void, resumable = () => false) {
    [this.theirs, this.link] = linkPair({ clock: this.clock });
    this.tunnel = new Tunnel({
      link: this.theirs,
      role: 'proxy',
      dialled: false,
      clock: this.clock,
      resumable,
      onStream: onStream ?? ((stream) => this.streams.push(stream)),
      onClosed: (error) => this.closed.push(error),
    });
    this.link.onBytes = (chunk) => this.received.push(...this.#decoder.push(chunk));
  }

  /** A peer that has said hello and heard one. */
  static async met(
    onStream?: (stream: TunnelStream, request: Buffer) => void,
    resumable?: () => boolean,
  ): Promise<RawPeer> {
    const peer = new RawPeer(onStream, resumable);
    await peer.hello();
    return peer;
  }

  hello(hello: Hello = HELLO): Promise<void> {
    return this.frame(FrameType.hello, encodeHello(hello));
  }

  /** A frame outside the sequence. */
  frame(type: FrameType, payload: Buffer): Promise<void> {
    return this.bytes(encodeHeader(type, 0, 0, payload.length), payload);
  }

  /** A stream's frame, numbered as the tunnel expects it. */
  stream(type: FrameType, id: number, payload: Buffer | number | string = Buffer.alloc(0)): Promise<void> {
    return this.bytes(this.numbered(type, id, payload));
  }

  /** The bytes of a stream's frame, numbered. */
  numbered(
    type: FrameType,
    id: number,
    payload: Buffer | number | string = Buffer.alloc(0),
    ask = false,
  ): Buffer {
    const bytes = typeof payload === 'number' ? encodeUint32(payload) : Buffer.from(payload as Buffer);
    const sequence = this.#sequence;
    this.#sequence = nextSequence(sequence);
    return Buffer.concat([encodeHeader(type, id, sequence, bytes.length, ask), bytes]);
  }

  async bytes(...buffers: Buffer[]): Promise<void> {
    this.link.send(buffers);
    await this.settle();
  }

  settle(): Promise<void> {
    return settle(this.link, this.theirs);
  }

  /** The frames of one type that arrived. */
  heard(type: FrameType): Frame[] {
    return this.received.filter((frame) => frame.type === type);
  }
}
