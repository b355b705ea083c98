import { once } from 'node:events';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { TpError } from '../errors.ts';
import type { ApiClient } from './api-client.ts';
import {
  answerText,
  type Done,
  HANDSHAKE_TIMEOUT_MS,
  PortForwardStream,
  refusal,
  SEND_BUFFER_BYTES,
} from './port-forward.ts';

/**
 * The port-forward of Kubernetes over a WebSocket with the subprotocol v4.channel.k8s.io. The first byte of each message is
 * its channel (0 data, 1 error); the first message of each channel repeats the port in two bytes. (kubelet:
 * pkg/kubelet/server/portforward/websocket.go)
 */
const SUBPROTOCOL = 'v4.channel.k8s.io';
const DATA_CHANNEL = 0;
const ERROR_CHANNEL = 1;
const DATA_PREFIX = Buffer.from([DATA_CHANNEL]);

class WebSocketStream extends PortForwardStream {
  readonly #socket: WebSocket;
  readonly #begun = new Set<number>();

  constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#receive(data));
    socket.on('close', () => this.endedThere());
    socket.on('error', (error) => this.destroy(error));
  }

  #receive(message: Buffer): void {
    const channel = message[0] ?? -1;
    if (!this.#begun.has(channel)) {
      this.#begun.add(channel);
      return;
    }
    const bytes = message.subarray(1);
    if (channel === ERROR_CHANNEL) this.hearFailure(bytes);
    else if (channel === DATA_CHANNEL && bytes.length > 0 && !this.push(bytes)) this.#socket.pause();
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  protected override send(chunks: readonly Buffer[], done: Done): void {
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
      void answerText(response).then((text) => reject(refusal(response.statusCode ?? 0, text)));
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
