/**
 * The first bytes on every link, sent by the CLI before it joins the two ends: they show the session's token to the
 * proxy, so that the agent never needs it. Format: `tplink`, one byte of version, 32 bytes of token.
 */
const MAGIC = Buffer.from('tplink\x01', 'latin1');

/** Bytes of a session's token. */
export const TOKEN_BYTES = 32;

/** Bytes of the whole preamble. */
export const PREAMBLE_BYTES = MAGIC.length + TOKEN_BYTES;

/** The preamble for `token`. Throws RangeError if the token has another length. */
export function encodePreamble(token: Buffer): Buffer {
  if (token.length !== TOKEN_BYTES) throw new RangeError(`a token of ${token.length} bytes`);
  return Buffer.concat([MAGIC, token]);
}

/** The token in a preamble of PREAMBLE_BYTES, or undefined where the bytes are something else. */
export function decodePreamble(bytes: Buffer): Buffer | undefined {
  if (bytes.length !== PREAMBLE_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  return bytes.subarray(MAGIC.length);
}
