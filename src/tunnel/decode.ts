import { CloseCode, TunnelError } from './errors.ts';
import { ASK_FLAG, FRAME_RULES, type Frame, type FrameType, HEADER_BYTES } from './frame.ts';

const protocolError = (message: string) => new TunnelError(CloseCode.protocolError, message);

/**
 * Turns chunks of any size into frames. Holds at most one frame; a header is checked before its payload is
 * awaited, so a hostile length is never buffered. A payload is a view of the chunk where one chunk holds it whole.
 */
export class FrameDecoder {
  #parts: Buffer[] = [];
  #held = 0;
  #header: Omit<Frame, 'payload'> | undefined;
  #needed = HEADER_BYTES;

  /** Gives each frame that `chunk` completes. Throws TunnelError (protocolError) on the first broken rule. */
  *push(chunk: Buffer): Generator<Frame> {
    let rest = chunk;
    while (rest.length > 0 || this.#needed === 0) {
      const taken = rest.subarray(0, this.#needed - this.#held);
      rest = rest.subarray(taken.length);
      this.#parts.push(taken);
      this.#held += taken.length;
      if (this.#held < this.#needed) return;
      const [first] = this.#parts;
      const bytes = this.#parts.length === 1 && first ? first : Buffer.concat(this.#parts);
      this.#parts = [];
      this.#held = 0;
      if (this.#header) {
        const frame = { ...this.#header, payload: bytes };
        this.#header = undefined;
        this.#needed = HEADER_BYTES;
        yield frame;
      } else {
        this.#needed = this.#takeHeader(bytes);
      }
    }
  }

  #takeHeader(bytes: Buffer): number {
    const type = bytes.readUInt8(0);
    const rule = FRAME_RULES.get(type);
    if (!rule) throw protocolError(`unknown frame type ${type}`);
    const stream = bytes.readUInt32BE(4);
    const sequence = bytes.readUInt32BE(8);
    const length = bytes.readUInt32BE(12);
    const flags = bytes.readUInt8(1);
    const allowed = rule.sequenced ? ASK_FLAG : 0;
    if ((flags & ~allowed) !== 0 || bytes.readUInt16BE(2) !== 0) {
      throw protocolError(`a ${rule.name} frame with reserved bits set`);
    }
    if (length < rule.min || length > rule.max) {
      throw protocolError(`a ${rule.name} frame of ${length} bytes`);
    }
    if (rule.sequenced !== stream > 0) throw protocolError(`a ${rule.name} frame on stream ${stream}`);
    if (!rule.sequenced && sequence !== 0) throw protocolError(`a ${rule.name} frame with a sequence number`);
    this.#header = { type: type as FrameType, stream, sequence, ask: flags === ASK_FLAG };
    return length;
  }
}

/** The number in an `ack` or `credit` payload. */
export const decodeUint32 = (payload: Buffer): number => payload.readUInt32BE(0);

/** Code and reason of a `close` or `reset` payload. The reason is shown to people: it cannot control their terminal. */
export function decodeReason(payload: Buffer): { code: number; reason: string } {
  return { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2).replace(/\p{Cc}/gu, ' ') };
}
