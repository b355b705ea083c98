import { once } from 'node:events';
import type { RequestOptions } from 'node:https';
import { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { TpError } from '../errors.ts';
import type { ApiClient } from './api-client.ts';
import { LOGIN_HINT } from './client.ts';

/**
 * The port-forward of Kubernetes over a WebSocket with the
 * subprotocol v4.channel.k8s.io. The first byte of each message is its channel (0 data, 1 error); the first message of
 * each channel repeats the port in two bytes. (kubelet: pkg/kubelet/server/portforward/websocket.go)
 */
const SUBPROTOCOL = 'v4.channel.k8s.io';
const DATA_CHANNEL = 0;
const ERROR_CHANNEL = 1;
const DATA_PREFIX = Buffer.from([DATA_CHANNEL]);

/** Bytes that wait in the WebSocket before the sender is slowed down: the product of 100 MiB/s and 2 ms. */
const SEND_BUFFER_BYTES = 256 * 1024;
const RECEIVE_BUFFER_BYTES = 256 * 1024;

/** The handshake may take this long (ms): the node has to answer too. */
const HANDSHAKE_TIMEOUT_MS = 15_000;

class WebSocketStream extends Duplex {
  readonly #socket: WebSocket;
  readonly #begun = new Set<number>();
  #failure = '';

  constructor(socket: WebSocket) {
    super({ readableHighWaterMark: RECEIVE_BUFFER_BYTES, writableHighWaterMark: SEND_BUFFER_BYTES });
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#receive(data));
    socket.on('close', () => this.destroy(this.#failure ? new Error(this.#failure) : undefined));
    socket.on('error', (error) => this.destroy(error));
  }

  #receive(message: Buffer): void {
    const channel = message[0] ?? -1;
    if (!this.#begun.has(channel)) {
      this.#begun.add(channel);
      return;
    }
    const bytes = message.subarray(1);
    if (channel === ERROR_CHANNEL) this.#failure = (this.#failure + bytes.toString('utf8')).slice(0, 1_000);
    else if (channel === DATA_CHANNEL && bytes.length > 0 && !this.push(bytes)) this.#socket.pause();
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #send(chunks: Buffer[], done: (error?: Error | null) => void): void {
    const message = Buffer.concat([DATA_PREFIX, ...chunks]);
    const room = this.#socket.bufferedAmount < SEND_BUFFER_BYTES;
    this.#socket.send(message, (error) => {
      if (error || !room) done(error);
    });
    if (room) done();
  }

  override _final(done: () => void): void {
    this.#socket.close();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }
}

/** Opens a stream to `port` on the pod's loopback. Throws TpError when the API server refuses. */
export async function openWebSocketStream(
  api: ApiClient,
  url: string,
  port: number,
  authorized: RequestOptions,
  signal: AbortSignal,
): Promise<Duplex> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}?ports=${port}`, [SUBPROTOCOL], {
    ...(authorized as WebSocket.ClientOptions),
    perMessageDeflate: false,
    skipUTF8Validation: true,
    // Masking protects caches of intermediaries from scripts in browsers; TLS leaves none. Zeros cost nothing.
    generateMask: (mask) => mask.fill(0),
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: 16 * 1024 * 1024,
  });
  // From the start: the first messages may come together with the answer to the handshake.
  const stream = new WebSocketStream(socket);
  stream.on('error', () => {}); // told by the handshake below, and later by the stream's user
  const refused = new Promise<never>((_resolve, reject) => {
    socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString('utf8')).slice(0, 2_000);
      });
      response.on('end', () => reject(refusal(response.statusCode ?? 0, text)));
    });
  });
  try {
    await Promise.race([once(socket, 'open', { signal }), refused]);
  } catch (cause) {
    stream.destroy();
    signal.throwIfAborted();
    if (cause instanceof TpError) throw cause;
    const { message } = api.explained(cause as Error);
    throw new TpError('TP_PORT_FORWARD', `no connection to the proxy's pod: ${message}`, { cause });
  }
  return stream;
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
