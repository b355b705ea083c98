/** Why a session or a stream of the tunnel ended. Codes are part of the wire format: docs/protocol.md. */

/** Reasons in a `close` frame: the whole session ends. */
export const CloseCode = {
  done: 0,
  protocolError: 1,
  versionMismatch: 2,
  unauthorized: 3,
  superseded: 4,
  linkLost: 5,
  internal: 6,
  unknownSession: 7,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** Reasons in a `reset` frame: one stream ends at once, undelivered bytes are dropped. */
export const ResetCode = {
  cancelled: 0,
  connectionRefused: 1,
  connectionReset: 2,
  hostUnreachable: 3,
  networkUnreachable: 4,
  timedOut: 5,
  notFound: 6,
  tooManyStreams: 7,
  badRequest: 8,
  noListener: 9,
  internal: 10,
} as const;
export type ResetCode = (typeof ResetCode)[keyof typeof ResetCode];

/** A code that came over the wire; one that this version does not know counts as `internal`. */
export const knownCloseCode = (code: number): CloseCode =>
  Object.values(CloseCode).find((known) => known === code) ?? CloseCode.internal;

/** As knownCloseCode, for the code of a reset. */
export const knownResetCode = (code: number): ResetCode =>
  Object.values(ResetCode).find((known) => known === code) ?? ResetCode.internal;

/** The session ended: by the peer, by a broken rule, or because its link died. */
export class TunnelError extends Error {
  override name = 'TunnelError';
  readonly code: CloseCode;
  constructor(code: CloseCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The stream was reset by the peer, or could not be opened. */
export class StreamReset extends Error {
  override name = 'StreamReset';
  readonly code: ResetCode;
  constructor(code: ResetCode, message: string) {
    super(message);
    this.code = code;
  }
}

const ERRNO: ReadonlyMap<string, ResetCode> = new Map([
  ['ECONNREFUSED', ResetCode.connectionRefused],
  ['ECONNRESET', ResetCode.connectionReset],
  ['EPIPE', ResetCode.connectionReset],
  ['EHOSTUNREACH', ResetCode.hostUnreachable],
  ['ENETUNREACH', ResetCode.networkUnreachable],
  ['ETIMEDOUT', ResetCode.timedOut],
  ['ENOTFOUND', ResetCode.notFound],
]);

/** The reset code that says what a socket's error said. */
export function resetCodeOf(error: unknown): ResetCode {
  if (error instanceof StreamReset) return error.code;
  const errno = (error as NodeJS.ErrnoException | undefined)?.code;
  return ERRNO.get(errno ?? '') ?? ResetCode.internal;
}
