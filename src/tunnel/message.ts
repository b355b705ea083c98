import { CloseCode, TunnelError } from './errors.ts';

/** Messages are JSON values, one a line: on control streams, and between the CLI and the agent. */

/** The longest message in bytes: an environment with some very large values. */
export const MAX_MESSAGE_BYTES = 2 * 1024 * 1024;

const NEWLINE = 0x0a;

export const encodeMessage = (message: unknown): Buffer => Buffer.from(`${JSON.stringify(message)}\n`);

/** Turns chunks of any size into messages; holds one message at most. */
export class MessageDecoder {
  #parts: Buffer[] = [];
  #held = 0;

  /** Gives each message that `chunk` completes. Throws TunnelError (protocolError) on malformed or oversized input. */
  *push(chunk: Buffer): Generator<unknown> {
    let rest = chunk;
    for (let at = rest.indexOf(NEWLINE); at >= 0; at = rest.indexOf(NEWLINE)) {
      this.#hold(rest.subarray(0, at));
      rest = rest.subarray(at + 1);
      const line = Buffer.concat(this.#parts).toString('utf8');
      this.#parts = [];
      this.#held = 0;
      try {
        yield JSON.parse(line);
      } catch (cause) {
        if (!(cause instanceof SyntaxError)) throw cause;
        throw new TunnelError(CloseCode.protocolError, 'a message that is not JSON');
      }
    }
    if (rest.length > 0) this.#hold(rest);
  }

  #hold(part: Buffer): void {
    this.#held += part.length;
    if (this.#held > MAX_MESSAGE_BYTES) {
      throw new TunnelError(CloseCode.protocolError, `a message of more than ${MAX_MESSAGE_BYTES} bytes`);
    }
    this.#parts.push(part);
  }
}
