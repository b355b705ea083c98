/** The frames of the tunnel and their limits. The wire format is specified in docs/protocol.md. */

/** The version of the wire format; both ends must speak the same one. */
export const PROTOCOL_VERSION = 2;

/** Bytes before every payload: type, flags, reserved (2), stream (4), sequence (4), length (4). */
export const HEADER_BYTES = 16;

/** The largest payload of any frame: what a socket read gives at once, so a read is one frame at most. */
export const MAX_PAYLOAD_BYTES = 64 * 1024;

export const FrameType = {
  hello: 1,
  ack: 2,
  ping: 3,
  pong: 4,
  close: 5,
  open: 16,
  accept: 17,
  data: 18,
  end: 19,
  reset: 20,
  credit: 21,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** The flag of a sequenced frame that shall be acknowledged at once. */
export const ASK_FLAG = 1;

/** One frame. `sequence` counts the sequenced frames of one direction, modulo 2^32; it is 0 on the others. */
export interface Frame {
  type: FrameType;
  stream: number;
  sequence: number;
  /** Whether it shall be acknowledged at once; only a sequenced one can ask for that. */
  ask?: boolean;
  payload: Buffer;
}

/** What a type demands of its frame: lengths in bytes, and whether it belongs to a stream (then it is sequenced). */
export interface FrameRule {
  name: string;
  min: number;
  max: number;
  sequenced: boolean;
}

const rule = (name: string, min: number, max: number, sequenced: boolean): FrameRule => ({
  name,
  min,
  max,
  sequenced,
});

/** Every type's rule; a frame that breaks its rule ends the session. */
export const FRAME_RULES: ReadonlyMap<number, FrameRule> = new Map([
  [FrameType.hello, rule('hello', 4, 4096, false)],
  [FrameType.ack, rule('ack', 4, 4, false)],
  [FrameType.ping, rule('ping', 8, 8, false)],
  [FrameType.pong, rule('pong', 8, 8, false)],
  [FrameType.close, rule('close', 2, 512, false)],
  [FrameType.open, rule('open', 1, 2048, true)],
  [FrameType.accept, rule('accept', 0, 2048, true)],
  [FrameType.data, rule('data', 1, MAX_PAYLOAD_BYTES, true)],
  [FrameType.end, rule('end', 0, 0, true)],
  [FrameType.reset, rule('reset', 2, 512, true)],
  [FrameType.credit, rule('credit', 4, 4, true)],
]);

/** The sequence number after `sequence`, modulo 2^32. */
export const nextSequence = (sequence: number): number => (sequence + 1) >>> 0;
