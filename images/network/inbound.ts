import type { Socket } from 'node:net';
import { ResetCode, resetCodeOf } from '../../src/tunnel/errors.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { splice } from '../splice.ts';
import type { Acceptance } from './sock-diag.ts';

export interface InboundDialOptions {
  /** The user's process: its port, and the addresses to try in turn. */
  port: number;
  addresses: readonly string[];
  /** A socket that is being connected. */
  dial(host: string, port: number): Socket;
  /** The process refused everywhere: it is restarting. */
  onRefused(): void;
  /** It answered, but not at the first address. */
  onOnlyAt(address: string): void;
  /** It has accepted; `release` lets go of the socket and its stream. */
  onAccepted(socket: Socket, release: () => void): void;
  /** Where the connection is on the process's side. Throws where the kernel does not say. */
  acceptance(socket: Socket): Acceptance;
  /** Whether the process is about to be ended: what has not been given to it is for the next one. */
  isPaused(): boolean;
}

/** A process that is not busy accepts within so many turns: looking again at once costs less than a pause. */
const EAGER_LOOKS = 16;

/** The longest pause between two looks (ms): of a busy process many connections wait at once. */
const LOOK_LIMIT_MS = 32;

/** Of what a connection has waited so much is added at most before it is looked at again. */
const LATE_BY = 1 / 4;

/** A reset is told by its socket within this time (ms); where none is, the kernel's answer is not what we take it for. */
const RESET_LIMIT_MS = 100;

/**
 * A process that has not accepted by then (ms) hangs, or stands at a breakpoint, rather than restarts. It gets the
 * connection all the same: so a caller's leaving is seen, and nobody has to look any more.
 */
const QUEUE_LIMIT_MS = 1_000;

/** Brings a connection from the cluster to the user's process; the stream is accepted when the process accepted. */
export function dialProcess(stream: TunnelStream, options: InboundDialOptions): void {
  const { port, addresses } = options;
  let socket: Socket | undefined;
  const gone = () => socket?.destroy();
  stream.once('error', gone).once('close', gone);
  const attempt = (index: number) => {
    const host = addresses[index];
    if (stream.destroyed) return;
    if (!host) {
      options.onRefused();
      return stream.reset(ResetCode.connectionRefused, 'the process does not listen');
    }
    const dialled = options.dial(host, port);
    socket = dialled;
    const failed = (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') attempt(index + 1);
      // It closed its listener with this connection in the queue, and has read nothing of it.
      else if (error.code === 'ECONNRESET') attempt(addresses.length);
      else stream.reset(resetCodeOf(error), error.message);
    };
    dialled.once('error', failed);
    dialled.once('connect', () => {
      whenAccepted(dialled, options.acceptance, () => {
        if (options.isPaused()) return attempt(addresses.length);
        dialled.off('error', failed);
        stream.off('error', gone).off('close', gone);
        if (index > 0) options.onOnlyAt(host);
        stream.accept(undefined, 'turn'); // the caller's bytes but for the first wait for it
        options.onAccepted(dialled, splice(dialled, stream));
      });
    });
  };
  attempt(0);
}

/**
 * Calls `then` once the process has accepted. The kernel answers a dial before that, and resets what is in the queue of a
 * process that ends: a request that was sent by then would be lost.
 */
function whenAccepted(socket: Socket, acceptance: (socket: Socket) => Acceptance, then: () => void): void {
  const since = performance.now();
  const ask = (): Acceptance => {
    try {
      return acceptance(socket);
    } catch {
      return 'gone'; // the kernel cannot be asked: served after a moment, as if it knew nothing
    }
  };
  const look = (turns: number) => {
    if (socket.destroyed) return;
    const where = ask();
    const limit = where === 'gone' ? RESET_LIMIT_MS : QUEUE_LIMIT_MS;
    const waited = performance.now() - since;
    if (where === 'accepted' || waited >= limit) then();
    else if (turns < EAGER_LOOKS) setImmediate(look, turns + 1);
    else setTimeout(look, Math.min(LOOK_LIMIT_MS, waited * LATE_BY), turns);
  };
  look(0);
}
