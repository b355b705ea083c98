import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { TpError } from '../errors.ts';
import { LOGIN_HINT } from './client.ts';

/** What the two ways of a port-forward have in common. */

/** Bytes that wait in the connection before the sender is slowed down: the product of 100 MiB/s and 2 ms. */
export const SEND_BUFFER_BYTES = 256 * 1024;
const RECEIVE_BUFFER_BYTES = 256 * 1024;

/** The handshake may take this long (ms): the node has to answer too. */
export const HANDSHAKE_TIMEOUT_MS = 15_000;

/** The longest texts that are kept (characters): of the node's error, and of an answer that refuses. */
const MAX_FAILURE = 1_000;
const MAX_ANSWER = 2_000;

export type Done = (error?: Error | null) => void;

/** A stream to a port of a pod; how its bytes go is each way's own. */
export abstract class PortForwardStream extends Duplex {
  #failure = '';

  constructor() {
    super({ readableHighWaterMark: RECEIVE_BUFFER_BYTES, writableHighWaterMark: SEND_BUFFER_BYTES });
  }

  /** Sends all that waits, and calls `done` when there is room for more. */
  protected abstract send(chunks: readonly Buffer[], done: Done): void;

  /** The node says what is wrong, a part of it at a time. */
  protected hearFailure(bytes: Buffer): void {
    this.#failure = (this.#failure + bytes.toString('utf8')).slice(0, MAX_FAILURE);
  }

  /** The other end is gone, for the reason that it gave. */
  protected endedThere(): void {
    this.destroy(this.#failure ? new Error(this.#failure) : undefined);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.send([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }
}

/** The beginning of an answer that refuses, up to where it ends or breaks off. */
export function answerText(response: IncomingMessage): Promise<string> {
  let text = '';
  response.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString('utf8')).slice(0, MAX_ANSWER);
  });
  response.on('error', () => {}); // 'close' follows
  return new Promise((resolve) => response.on('close', () => resolve(text)));
}

/** What an API server means that does not open a stream. `text` is its answer. */
export function refusal(status: number, text: string): TpError {
  const message = /"message":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1]?.replaceAll('\\"', '"') ?? `HTTP ${status}`;
  if (status === 401) {
    return new TpError('TP_LOGIN_EXPIRED', `forwarding a port to the proxy's pod: ${message}`, {
      hint: LOGIN_HINT,
    });
  }
  if (status !== 403)
    return new TpError('TP_PORT_FORWARD', `the API server refuses to forward a port: ${message}`);
  return new TpError('TP_FORBIDDEN', `forwarding a port to the proxy's pod: ${message}`, {
    hint: 'the Role needs the verbs get and create on pods/portforward: see docs/rights.md',
  });
}
