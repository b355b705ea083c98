import { hkdfSync } from 'node:crypto';

/**
 * What both ends of a straight link agree on: a connection that the API server makes to the pod's own address, upgraded to this
 * protocol, and within it TLS 1.3 with a key that only they have (RFC 8446, section 2.2). docs/protocol.md
 */
export const STRAIGHT_PROTOCOL = 'tplink';

/** By the key alone: neither end has a certificate, or takes one. */
export const STRAIGHT_TLS = {
  ciphers: 'TLS_AES_128_GCM_SHA256',
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
} as const;

/** TLS asks for a name of the key; there is one key. */
export const KEY_IDENTITY = 'tp';

const KEY_BYTES = 32;

/** The key that a session's token gives (RFC 5869, SHA-256): the token itself is not used for anything else than to be shown. */
export const straightKey = (token: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', token, '', 'tp straight link', KEY_BYTES));
