import { constants, deflateRawSync, deflateSync } from 'node:zlib';

/**
 * Frames of SPDY/3.1, as far as a port-forward of Kubernetes needs them (SPDY Protocol Draft 3.1, sections 2.2 to 2.6; what
 * is at the other end is github.com/moby/spdystream, which has no windows of its own).
 */

const CONTROL_BIT = 0x8000_0000;
const CONTROL = 0x8003_0000;
const SYN_STREAM = 1;
const RST_STREAM = 3;
const PING = 6;
const GOAWAY = 7;
const FIN = 1;

/** The length of a frame is a number of 24 bits. */
const MAX_FRAME_BYTES = 0xff_ffff;

const FRAME_HEAD_BYTES = 8;

/** Control frames that are read are small; anybody who sends a longer one (bytes) does not speak this. */
const MAX_CONTROL_BYTES = 64 * 1024;

function head(first: number, flags: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  bytes.writeUInt32BE(first >>> 0, 0);
  bytes.writeUInt32BE(((flags << 24) | length) >>> 0, 4);
  return bytes;
}

/** What goes before `length` bytes of a stream. */
export const dataHead = (stream: number, length: number): Buffer => head(stream, 0, length);

/** The end of what we send on a stream. */
export const finFrame = (stream: number): Buffer => head(stream, FIN, 0);

export const pingFrame = (id: number): Buffer => {
  const bytes = Buffer.concat([head(CONTROL | PING, 0, 4), Buffer.alloc(4)]);
  bytes.writeUInt32BE(id, FRAME_HEAD_BYTES);
  return bytes;
};

const counted = (text: string): Buffer => {
  const bytes = Buffer.alloc(4 + text.length, text, 'latin1');
  bytes.copyWithin(4, 0, text.length);
  bytes.writeUInt32BE(text.length, 0);
  return bytes;
};

/** Opens streams with headers, whose names are in lower case; all that a connection opens in one call. */
export function synStreams(
  streams: readonly { id: number; headers: Readonly<Record<string, string>> }[],
): Buffer {
  return Buffer.concat(
    streams.flatMap(({ id, headers }, index) => {
      const pairs = Object.entries(headers);
      const count = Buffer.alloc(4);
      count.writeUInt32BE(pairs.length, 0);
      const block = Buffer.concat([count, ...pairs.flat().map(counted)]);
      // One zlib stream for the whole connection, without SPDY's dictionary: nobody has to use it.
      const flush = { finishFlush: constants.Z_SYNC_FLUSH };
      const compressed = index === 0 ? deflateSync(block, flush) : deflateRawSync(block, flush);
      const fixed = Buffer.alloc(10); // stream, no associated stream, priority, slot
      fixed.writeUInt32BE(id, 0);
      return [head(CONTROL | SYN_STREAM, 0, fixed.length + compressed.length), fixed, compressed];
    }),
  );
}

/** What a connection hears. */
export interface SpdyListener {
  /** Bytes of a stream, as they come: parts of frames. */
  onData(stream: number, bytes: Buffer): void;
  onFin(stream: number): void;
  onReset(stream: number): void;
  onPing(id: number): void;
  onGoAway(): void;
}

/** Takes frames apart. What is data is handed on as it comes, without a copy. */
export class SpdyDecoder {
  readonly #listener: SpdyListener;
  /** The beginning of a head, or of a control frame, whose rest is still to come. */
  #rest: Buffer = Buffer.alloc(0);
  /** Of the data frame that is being read. */
  #stream = 0;
  #left = 0;
  #fin = false;

  constructor(listener: SpdyListener) {
    this.#listener = listener;
  }

  /** Throws Error for what is no frame of this protocol. */
  push(chunk: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (;;) {
      if (this.#left > 0) {
        const part = bytes.subarray(0, this.#left);
        if (part.length === 0) break;
        bytes = bytes.subarray(part.length);
        this.#left -= part.length;
        this.#listener.onData(this.#stream, part);
        if (this.#left === 0) this.#endOfFrame();
        continue;
      }
      const taken = this.#begin(bytes);
      if (taken === 0) break;
      bytes = bytes.subarray(taken);
    }
    this.#rest = bytes;
  }

  /** Reads a data frame's head, or a whole control frame. Returns how many bytes it took. */
  #begin(bytes: Buffer): number {
    if (bytes.length < FRAME_HEAD_BYTES) return 0;
    const first = bytes.readUInt32BE(0);
    const length = bytes.readUInt32BE(4) & MAX_FRAME_BYTES;
    if (first < CONTROL_BIT) {
      this.#stream = first;
      this.#left = length;
      this.#fin = ((bytes[4] ?? 0) & FIN) !== 0;
      if (length === 0) this.#endOfFrame();
      return FRAME_HEAD_BYTES;
    }
    if (first >>> 16 !== CONTROL >>> 16 || length > MAX_CONTROL_BYTES)
      throw new Error('this is not SPDY/3.1');
    const whole = FRAME_HEAD_BYTES + length;
    if (bytes.length < whole) return 0;
    const type = first & 0xffff;
    const about = length >= 4 ? bytes.readUInt32BE(FRAME_HEAD_BYTES) : 0;
    if (type === RST_STREAM) this.#listener.onReset(about);
    else if (type === PING) this.#listener.onPing(about);
    else if (type === GOAWAY) this.#listener.onGoAway();
    return whole; // the others say nothing that is needed: settings, and that a stream was opened
  }

  #endOfFrame(): void {
    if (this.#fin) this.#listener.onFin(this.#stream);
    this.#fin = false;
  }
}
