import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { duplexLink } from '../../src/tunnel/duplex-link.ts';
import { encodeFrame, encodeReason } from '../../src/tunnel/encode.ts';
import { CloseCode } from '../../src/tunnel/errors.ts';
import { FrameType } from '../../src/tunnel/frame.ts';
import { receiveHello } from '../../src/tunnel/greeting.ts';
import type { Role } from '../../src/tunnel/hello.ts';
import { decodePreamble, PREAMBLE_BYTES } from '../../src/tunnel/preamble.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { type LinkState, Tunnel } from '../../src/tunnel/tunnel.ts';

/** A link that says nothing is dropped after this long (ms). */
const PREAMBLE_TIMEOUT_MS = 5_000;

/** Links that have not shown a token yet: a sidecar cannot fill our memory by opening more. */
const MAX_UNKNOWN_LINKS = 16;

export interface SessionsOptions {
  tokenSha256: string;
  onStream(role: Role, stream: TunnelStream, request: Buffer, tunnel: Tunnel): void;
  /** A link has shown the session's token. */
  onToken(token: Buffer): void;
  /** The agent's tunnel came (with the tunnel) or is over. A newer one replaces an older one. */
  onAgent(tunnel: Tunnel | undefined): void;
  /** What is known of the link of the agent's tunnel. */
  onLink(state: LinkState): void;
  /** Whether the agent's tunnel waits for another link when it loses one. */
  resumable(): boolean;
  /** How long it waits (ms). */
  resumeLimitMs: number;
}

/** Takes links, asks for the session's token, and gives each to its tunnel: a new one, or the agent's that goes on. The result is not listening yet. */
export function sessionServer(options: SessionsOptions): Server {
  let unknown = 0;
  let agent: Tunnel | undefined;
  const expected = Buffer.from(options.tokenSha256, 'hex');

  const admit = async (socket: Socket) => {
    const link = duplexLink(socket);
    const hello = await receiveHello(link).catch(() => undefined); // the peer was told
    if (!hello) return;
    const { role } = hello;
    if (role === 'agent' && agent?.session === hello.session) return agent.resume(link, hello);
    // A hello that cannot be met ends it before it is anybody's agent.
    let current: Tunnel | undefined;
    const tunnel = new Tunnel({
      link,
      hello,
      role: 'proxy',
      dialled: false,
      resumable: () => role === 'agent' && options.resumable(),
      resumeLimitMs: options.resumeLimitMs,
      onStream: (stream, request) => options.onStream(role, stream, request, tunnel),
      onLink(state) {
        if (agent === current) options.onLink(state);
      },
      onClosed() {
        if (current === undefined || agent !== current) return;
        agent = undefined;
        options.onAgent(undefined);
      },
    });
    if (role !== 'agent' || tunnel.closed) return;
    const old = agent;
    current = tunnel;
    agent = tunnel;
    options.onAgent(tunnel);
    old?.close(CloseCode.superseded, 'another agent took over');
  };

  return createServer({ noDelay: true, highWaterMark: 64 * 1024 }, (socket) => {
    socket.on('error', () => {}); // 'close' follows
    if (unknown >= MAX_UNKNOWN_LINKS) return socket.destroy();
    unknown++;
    const timer = setTimeout(() => socket.destroy(), PREAMBLE_TIMEOUT_MS);
    const known = () => {
      unknown--;
      clearTimeout(timer);
      socket.off('readable', read).off('close', known);
    };
    const read = () => {
      const bytes = socket.read(PREAMBLE_BYTES) as Buffer | null;
      if (!bytes) return;
      socket.off('readable', read);
      const token = decodePreamble(bytes);
      const digest = createHash('sha256')
        .update(token ?? '')
        .digest();
      if (token && timingSafeEqual(digest, expected)) {
        known();
        options.onToken(token);
        return void admit(socket);
      }
      // It stays one of the unknown until it has closed, and is cut when its time is over.
      const payload = encodeReason(CloseCode.unauthorized, 'not the token of this session');
      socket.end(encodeFrame({ type: FrameType.close, stream: 0, sequence: 0, payload }));
      socket.resume();
    };
    socket.on('readable', read).on('close', known);
  });
}
