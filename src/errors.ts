import { exitCodeOf, type TpErrorCode } from './error-codes.ts';

/** Errors that a user is meant to see: one line, a stable code, and a hint to paste. Anything else is a bug. */

export class TpError extends Error {
  override name = 'TpError';
  /** Stable, for scripts and searches. */
  readonly code: TpErrorCode;
  readonly exitCode: number;
  /** What to do about it, ready to paste. */
  readonly hint: string | undefined;

  constructor(code: TpErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.exitCode = exitCodeOf(code);
    this.hint = options.hint;
  }
}

/** The person asked to stop (Ctrl-C); not a failure to report. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

const DOCKER_REFUSED: TpErrorCode = 'TP_DOCKER';

/** What Docker's API answers when it refuses, as dockerode throws it. */
const isRefusalOfDocker = (
  error: unknown,
): error is Error & { statusCode: number; json?: { message?: string } } =>
  error instanceof Error && typeof (error as { statusCode?: unknown }).statusCode === 'number';

/** What to print for an error: one line and the hint where it is expected, the stack where it is a bug. */
export const describeError = (error: unknown): string =>
  [...new Set(partsOf(error).map(describeOne))].join('\n');

/** What failed first, then what failed while that was cleaned up after. */
function partsOf(error: unknown): unknown[] {
  // First, for a Node that is too old has no SuppressedError.
  if (error instanceof TpError || !(error instanceof SuppressedError)) return [error];
  const both: unknown[] = [error.suppressed, error.error];
  return both.filter((each) => !(each instanceof Interrupted)).flatMap(partsOf);
}

function describeOne(error: unknown): string {
  if (error instanceof TpError) {
    const hint = error.hint ? `\n${error.hint.replace(/^/gm, '  ')}` : '';
    // One line, whatever a parser or a server has said.
    return `tp: ${error.message.replace(/\s*\n\s*/g, ' ').trim()} [${error.code}]${hint}`;
  }
  if (isRefusalOfDocker(error))
    return `tp: Docker refuses: ${error.json?.message ?? error.message} [${DOCKER_REFUSED}]`;
  return `tp: this is a bug in tp: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
