import { createServer, type Server, type Socket } from 'node:net';
import { plainAddress } from '../address.ts';
import { splice } from '../splice.ts';
import type { Fallback } from './fallback.ts';
import { type Caller, InboundStreams } from './inbound-stream.ts';
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
  const streams = new InboundStreams(options.listeners);
  // Paused: of a caller whom nobody has accepted yet no more is read than is kept.
  return createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    const peer = plainAddress(socket.remoteAddress ?? '');
    const gone = new AbortController();
    const over = () => gone.abort(new Error('the caller has gone'));
    socket.on('error', over).on('close', over);
    const caller: Caller = { socket, address: peer, first: undefined, gone: gone.signal };
    answer(options, streams, caller).catch((error: Error) => {
      if (!gone.signal.aborted) options.onUnanswered(options.port, peer, error);
      if (!socket.destroyed) socket.resetAndDestroy();
    });
  });
}

async function answer(options: InboundOptions, streams: InboundStreams, caller: Caller): Promise<void> {
  const { port, listeners, fallback } = options;
  const { socket, address, gone } = caller;
  const end = performance.now() + listeners.waitMs;
  for (;;) {
    const agent = await listeners.wait(port, gone);
    if (!agent) break;
    const stream = await streams.open(agent, port, caller);
    if (stream === 'refused') {
      listeners.refused(port);
      // One that is said to listen and always refuses listens where we cannot reach it: not for ever.
      if (performance.now() < end) continue;
      break;
    }
    if (stream === 'lost') break;
    if (gone.aborted) return void stream.destroy();
    options.onAnswered(port, address);
    return void splice(socket, stream);
  }
  if (gone.aborted) return;
  if (!fallback) throw new Error('nobody listens, and there is no fallback');
  const original = await fallback.dial(port, address, gone);
  if (caller.first) original.write(caller.first);
  spliceSockets(socket, original);
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
