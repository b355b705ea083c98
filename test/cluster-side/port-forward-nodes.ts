import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { constants, inflateSync } from 'node:zlib';
import { type WebSocket, WebSocketServer } from 'ws';
import { dataHead, finFrame, SpdyDecoder } from '../../src/cluster/spdy.ts';

/** The node's end of a port-forward, in either protocol. */
export interface FakeNode {
  /** What came on the stream for data. */
  received: Buffer[];
  /** Resolves when the connection has closed. */
  closed: Promise<unknown>;
  send(bytes: Buffer | string, done?: () => void): void;
  /** Says why it ends, and ends. */
  fail(why: string): void;
  pause(): void;
  resume(): void;
  terminate(): void;
}

const ERROR = 1;
const DATA = 3;

/** As kubelet and containerd do with SPDY. `opened` are the headers of the streams. */
export class SpdyNode implements FakeNode {
  readonly received: Buffer[] = [];
  readonly opened: string;
  readonly closed: Promise<unknown>;
  readonly pongs: number[] = [];
  readonly socket: Duplex;

  private constructor(socket: Duplex, first: Buffer) {
    this.socket = socket;
    this.closed = once(socket, 'close');
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    this.opened = headersOf(first);
    const decoder = new SpdyDecoder({
      onData: (stream, bytes) => {
        if (stream === DATA) this.received.push(bytes);
      },
      onFin: () => {},
      onReset: () => {},
      onPing: (id) => this.pongs.push(id),
      onGoAway: () => {},
    });
    decoder.push(first);
    socket.on('data', (chunk: Buffer) => decoder.push(chunk));
  }

  static async upgrade({ headers }: IncomingMessage, socket: Duplex): Promise<SpdyNode> {
    const { upgrade, 'x-stream-protocol-version': version } = headers;
    if (upgrade !== 'SPDY/3.1' || version !== 'portforward.k8s.io') throw new Error(`asked for ${upgrade}`);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${version}\r\n\r\n`,
    );
    const [first] = (await once(socket, 'data')) as [Buffer];
    return new SpdyNode(socket, first);
  }

  send(bytes: Buffer | string, done: () => void = () => {}): void {
    const buffer = Buffer.from(bytes as string);
    this.socket.write(dataHead(DATA, buffer.length));
    this.socket.write(buffer, done);
  }

  fail(why: string): void {
    this.socket.write(
      Buffer.concat([dataHead(ERROR, why.length), Buffer.from(why), finFrame(ERROR), finFrame(DATA)]),
    );
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  terminate(): void {
    this.socket.destroy();
  }
}

/** The text of the headers with which streams are opened: one zlib stream, a part in each frame, as a server reads it. */
function headersOf(frames: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; frames.readUInt32BE(at) === 0x8003_0001; ) {
    const length = frames.readUInt32BE(at + 4) & 0xff_ffff;
    parts.push(frames.subarray(at + 18, at + 8 + length));
    at += 8 + length;
  }
  return inflateSync(Buffer.concat(parts), { finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1');
}

/** As kubelet and containerd do with a WebSocket. */
export class WebSocketNode implements FakeNode {
  readonly received: Buffer[] = [];
  readonly closed: Promise<unknown>;
  readonly socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = once(socket, 'close');
    socket.on('message', (message: Buffer) => {
      if (message[0] === 0) this.received.push(message.subarray(1));
    });
    // The first message of each channel repeats the port.
    for (const channel of [0, 1]) socket.send(Buffer.from([channel, 0x6e, 0xb9]));
  }

  static readonly #server = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });

  static upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<WebSocketNode> {
    return new Promise((resolve) => {
      WebSocketNode.#server.handleUpgrade(request, socket, head, (node) => resolve(new WebSocketNode(node)));
    });
  }

  send(bytes: Buffer | string, done: () => void = () => {}): void {
    this.socket.send(Buffer.concat([Buffer.from([0]), Buffer.from(bytes as string)]), done);
  }

  fail(why: string): void {
    this.socket.send(Buffer.concat([Buffer.from([1]), Buffer.from(why)]));
    this.socket.close();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  terminate(): void {
    this.socket.terminate();
  }
}
