import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  answerText,
  type Done,
  HANDSHAKE_TIMEOUT_MS,
  PortForwardStream,
  SEND_BUFFER_BYTES,
} from './port-forward.ts';
import { dataHead, finFrame, pingFrame, SpdyDecoder, synStreams } from './spdy.ts';

/**
 * The port-forward of Kubernetes over SPDY/3.1: a connection that the API server only copies, with a stream for errors and one
 * for data for each port. (k8s.io/kubelet: pkg/cri/streaming/portforward/httpstream.go; client-go: tools/portforward)
 */
const PROTOCOL = 'portforward.k8s.io';
const ERROR_STREAM = 1;
const DATA_STREAM = 3;

/** One port of a pod, on a connection that has been upgraded to SPDY. */
class SpdyStream extends PortForwardStream {
  readonly #socket: Duplex;
  readonly #decoder: SpdyDecoder;

  /** `begun` is what came together with the answer to the upgrade. */
  constructor(socket: Duplex, begun: Buffer, port: number) {
    super();
    this.#socket = socket;
    this.#decoder = new SpdyDecoder({
      onData: (stream, bytes) => this.#receive(stream, bytes),
      // The node ends the stream for errors first: what it had to say is known.
      onFin: (stream) => stream === DATA_STREAM && this.endedThere(),
      onReset: () => this.endedThere(),
      onPing: (id) => id % 2 === 0 && this.#socket.write(pingFrame(id)),
      onGoAway: () => this.endedThere(),
    });
    const common = { port: `${port}`, requestid: '0' };
    socket.write(
      Buffer.concat([
        synStreams([
          { id: ERROR_STREAM, headers: { streamtype: 'error', ...common } },
          { id: DATA_STREAM, headers: { streamtype: 'data', ...common } },
        ]),
        finFrame(ERROR_STREAM),
      ]),
    );
    socket.on('data', (chunk: Buffer) => this.#decode(chunk));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.endedThere());
    if (begun.length > 0) this.#decode(begun);
  }

  #decode(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #receive(stream: number, bytes: Buffer): void {
    if (stream === DATA_STREAM) {
      if (!this.push(bytes)) this.#socket.pause();
    } else if (stream === ERROR_STREAM) {
      this.hearFailure(bytes);
    }
  }

  override _read(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** All that waits as one frame: at most what a Duplex holds back, and the chunk that went over it. */
  protected override send(chunks: readonly Buffer[], done: Done): void {
    const length = chunks.reduce((sum, { length }) => sum + length, 0);
    const room = this.#socket.writableLength < SEND_BUFFER_BYTES;
    this.#socket.cork();
    this.#socket.write(dataHead(DATA_STREAM, length));
    for (const [index, chunk] of chunks.entries()) {
      const last = index === chunks.length - 1;
      this.#socket.write(chunk, last && !room ? done : () => {});
    }
    this.#socket.uncork();
    if (room) done();
  }

  override _final(done: () => void): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/** The stream, or the answer that does not grant it. */
export type SpdyAnswer = Duplex | { status: number; text: string };

/** Asks for a stream to `port`. Rejects as node:https does, and with the signal's reason where that aborts before the answer. */
export async function askForSpdy(
  url: string,
  port: number,
  options: RequestOptions,
  signal: AbortSignal,
): Promise<SpdyAnswer> {
  const headers = {
    ...options.headers,
    Connection: 'Upgrade',
    Upgrade: 'SPDY/3.1',
    'X-Stream-Protocol-Version': PROTOCOL,
    'Content-Length': '0',
  };
  signal.throwIfAborted();
  const start = url.startsWith('https:') ? httpsRequest : httpRequest;
  const outgoing = start(url, { agent: false, ...options, method: 'POST', headers });
  // Not the request's own signal and timeout: those would hold for the stream, too.
  const limit = setTimeout(
    () => outgoing.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
    HANDSHAKE_TIMEOUT_MS,
  );
  const aborted = () => outgoing.destroy(signal.reason as Error);
  signal.addEventListener('abort', aborted, { once: true });
  try {
    return await new Promise<SpdyAnswer>((resolve, reject) => {
      outgoing.on('error', reject);
      outgoing.on('upgrade', (_response, socket, begun) => {
        (socket as Socket).setNoDelay(true);
        resolve(new SpdyStream(socket, begun, port));
      });
      outgoing.on('response', (response) => {
        void answerText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }));
      });
      outgoing.end();
    });
  } finally {
    clearTimeout(limit);
    signal.removeEventListener('abort', aborted);
  }
}
