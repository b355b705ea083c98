import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { type Done, PortForwardStream, SEND_BUFFER_BYTES } from './port-forward.ts';
import { dataHead, finFrame, pingFrame, SpdyDecoder, synStreams } from './spdy.ts';
import { askToUpgrade, type Refusal } from './upgrade.ts';

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

/** Asks for a stream to `port`: the stream, or the answer that does not grant it. Rejects as `askToUpgrade` does. */
export async function askForSpdy(
  url: string,
  port: number,
  options: RequestOptions,
  signal: AbortSignal,
): Promise<Duplex | Refusal> {
  const headers = { 'X-Stream-Protocol-Version': PROTOCOL };
  const answer = await askToUpgrade(url, { method: 'POST', protocol: 'SPDY/3.1', headers }, options, signal);
  return 'status' in answer ? answer : new SpdyStream(answer.socket, answer.begun, port);
}
