import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { duplexLink } from '../../src/tunnel/duplex-link.ts';
import { encodeFrame, encodeReason } from '../../src/tunnel/encode.ts';
import { CloseCode } from '../../src/tunnel/errors.ts';
import { FrameType } from '../../src/tunnel/frame.ts';
import type { Role } from '../../src/tunnel/hello.ts';
import { decodePreamble, PREAMBLE_BYTES } from '../../src/tunnel/preamble.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { Tunnel } from '../../src/tunnel/tunnel.ts';

/** A link that says nothing is dropped after this long (ms). */
const PREAMBLE_TIMEOUT_MS = 5_000;

/** Links that have not shown a token yet: a sidecar cannot fill our memory by opening more. */
const MAX_UNKNOWN_LINKS = 16;

export interface SessionsOptions {
  tokenSha256: string;
  onStream(role: Role, stream: TunnelStream, request: Buffer): void;
  /** The agent's tunnel came (with the tunnel) or went. A newer one replaces an older one. */
  onAgent(tunnel: Tunnel | undefined): void;
}

/** Takes links, asks for the session's token, and makes each a tunnel. The result is not listening yet. */
export function sessionServer(options: SessionsOptions): Server {
  let unknown = 0;
  let agent: Tunnel | undefined;
  const expected = Buffer.from(options.tokenSha256, 'hex');

  const admit = (socket: Socket) => {
    let role: Role | undefined;
    const tunnel: Tunnel = new Tunnel({
      link: duplexLink(socket),
      role: 'proxy',
      dialled: false,
      onStream: (stream, request) => options.onStream(role ?? 'control', stream, request),
      onClosed() {
        if (agent !== tunnel) return;
        agent = undefined;
        options.onAgent(undefined);
      },
    });
    void tunnel.ready.then(
      (hello) => {
        role = hello.role;
        if (role !== 'agent') return;
        const old = agent;
        agent = tunnel;
        options.onAgent(tunnel);
        old?.close(CloseCode.superseded, 'another agent took over');
      },
      () => {}, // onClosed tells
    );
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
        return admit(socket);
      }
      // It stays one of the unknown until it has closed, and is cut when its time is over.
      const payload = encodeReason(CloseCode.unauthorized, 'not the token of this session');
      socket.end(encodeFrame({ type: FrameType.close, stream: 0, sequence: 0, payload }));
      socket.resume();
    };
    socket.on('readable', read).on('close', known);
  });
}
