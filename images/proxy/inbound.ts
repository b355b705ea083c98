import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { ResetCode, StreamReset } from '../../src/tunnel/errors.ts';
import { encodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import { plainAddress } from '../address.ts';
import { splice } from '../splice.ts';
import type { Fallback } from './fallback.ts';
import type { Listeners } from './listeners.ts';

export interface InboundOptions {
  port: number;
  listeners: Pick<Listeners, 'waitMs' | 'wait' | 'whileAnswering' | 'refused'>;
  fallback: Fallback | undefined;
  onAnswered(port: number, peer: string): void;
  onUnanswered(port: number, peer: string, error: Error): void;
}

/** Takes the pod's connections on one port to the user's process, or to an original pod. Not listening yet. */
export function inboundServer(options: InboundOptions): Server {
  // Paused: nothing is read from a caller before somebody has accepted, so no request is ever sent twice.
  return createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    const peer = plainAddress(socket.remoteAddress ?? '');
    const gone = new AbortController();
    const over = () => gone.abort(new Error('the caller has gone'));
    socket.on('error', over).on('close', over);
    answer(options, socket, peer, gone.signal).catch((error: Error) => {
      if (!gone.signal.aborted) options.onUnanswered(options.port, peer, error);
      if (!socket.destroyed) socket.resetAndDestroy();
    });
  });
}

async function answer(
  options: InboundOptions,
  socket: Socket,
  peer: string,
  gone: AbortSignal,
): Promise<void> {
  const { port, listeners, fallback } = options;
  const end = performance.now() + listeners.waitMs;
  for (;;) {
    const agent = await listeners.wait(port, gone);
    if (!agent) break;
    const answering = listeners.whileAnswering(agent);
    const waiting = AbortSignal.any([gone, answering.signal]);
    const from = { address: peer, port: socket.remotePort ?? 1 };
    const stream = await openInbound(agent, port, from, waiting).finally(answering.done);
    if (stream === 'refused') {
      listeners.refused(port);
      // One that is said to listen and always refuses listens where we cannot reach it: not for ever.
      if (performance.now() < end) continue;
      break;
    }
    if (stream === 'lost') break;
    if (gone.aborted) return void stream.destroy();
    options.onAnswered(port, peer);
    return void splice(socket, stream);
  }
  if (gone.aborted) return;
  if (!fallback) throw new Error('nobody listens, and there is no fallback');
  spliceSockets(socket, await fallback.dial(port, peer, gone));
}

/** A stream that the user's process accepted; `refused` while it restarts, `lost` when the agent or the caller goes. */
async function openInbound(
  agent: Tunnel,
  port: number,
  peer: { address: string; port: number },
  waiting: AbortSignal,
): Promise<TunnelStream | 'refused' | 'lost'> {
  let stream: TunnelStream | undefined;
  try {
    stream = agent.open(encodeRequest({ kind: 'inbound', port, peer }));
    stream.on('error', () => {}); // told by what follows, unless nobody waits for it any more
    await once(stream, 'accept', { signal: waiting });
    return stream;
  } catch (error) {
    if (waiting.aborted) stream?.destroy(); // a process that hangs may accept it in an hour
    const code = error instanceof StreamReset ? error.code : undefined;
    return code === ResetCode.connectionRefused || code === ResetCode.noListener ? 'refused' : 'lost';
  }
}

/** Joins two sockets: half-close and reset go through, backpressure holds. */
function spliceSockets(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => to.resetAndDestroy());
    from.on('close', () => {
      if (!from.readableEnded || !from.writableFinished) to.destroy();
    });
    from.pipe(to);
  }
}
