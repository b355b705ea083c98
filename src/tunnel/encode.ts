import { ASK_FLAG, FRAME_RULES, type Frame, type FrameType, HEADER_BYTES } from './frame.ts';

/**
 * The 16 bytes before a payload of `length` bytes.
 * Header and payload are sent as two buffers, so that a payload is never copied.
 */
export function encodeHeader(
  type: FrameType,
  stream: number,
  sequence: number,
  length: number,
  ask = false,
): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt32BE(((type << 24) | ((ask ? ASK_FLAG : 0) << 16)) >>> 0, 0);
  header.writeUInt32BE(stream, 4);
  header.writeUInt32BE(sequence, 8);
  header.writeUInt32BE(length, 12);
  return header;
}

/** Throws RangeError where a payload's length breaks the type's rule: that is our own bug, not the peer's. */
export function checkLength(type: FrameType, length: number): void {
  const rule = FRAME_RULES.get(type);
  if (!rule || length < rule.min || length > rule.max) {
    throw new RangeError(`a ${rule?.name ?? type} frame of ${length} bytes`);
  }
}

/** A whole frame in one buffer. Throws RangeError where the payload breaks the type's rule. */
export function encodeFrame(frame: Frame): Buffer {
  const { type, stream, sequence, ask, payload } = frame;
  checkLength(type, payload.length);
  return Buffer.concat([encodeHeader(type, stream, sequence, payload.length, ask), payload]);
}

/** The payload of `ack` and `credit`: one unsigned 32-bit number. */
export function encodeUint32(value: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(value >>> 0, 0);
  return payload;
}

/** The longest reason that fits the payload of `close` and `reset` (512 bytes less the code). */
const MAX_REASON_BYTES = 510;

/** The payload of `close` and `reset`: a 16-bit code and a reason for people, cut to fit. */
export function encodeReason(code: number, reason: string): Buffer {
  const text = Buffer.from(reason, 'utf8').subarray(0, MAX_REASON_BYTES);
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16BE(code, 0);
  text.copy(payload, 2);
  return payload;
}
