import type { Socket } from 'node:net';
import { ResetCode, StreamReset } from '../../src/tunnel/errors.ts';
import { encodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import type { Listeners } from './listeners.ts';

/**
 * The caller's first bytes go with the request to a laptop that was heard within this time (ms), and do not wait for its
 * process to accept: a round trip less. Should it die just then nobody could tell whether the process has them, and they
 * could not go to an original pod any more: that shall be no more callers than are in the middle of a request anyway.
 */
export const HEARD_LATELY_MS = 50;

/** So many callers at most have sent something to a process that has not accepted: it may be long in coming to that. */
export const SENT_LIMIT = 16;

/** A connection to the pod that nobody has accepted yet. */
export interface Caller {
  /** Paused: what the caller sends beyond two reads (128 KiB) waits in the kernel, and slows the caller down. */
  socket: Socket;
  address: string;
  /** What was read of it so far, for whoever accepts. */
  first: Buffer | undefined;
  /** Aborts when the caller leaves. */
  gone: AbortSignal;
}

/** What came of asking the laptop: `refused` by a process that restarts; `lost` where the agent, or the caller, has gone. */
export type Asked = TunnelStream | 'refused' | 'lost';

/** Asks laptops for streams that the user's process accepts. */
export class InboundStreams {
  readonly #listeners: Pick<Listeners, 'whileAnswering'>;
  /** Callers whose first bytes were sent, and not accepted yet. */
  #sent = 0;

  constructor(listeners: Pick<Listeners, 'whileAnswering'>) {
    this.#listeners = listeners;
  }

  /**
   * Asks the agent for a stream to the process, which then has the caller's first bytes. Throws Error where the agent has
   * gone with them, so that nobody else may be given them.
   */
  async open(agent: Tunnel, port: number, caller: Caller): Promise<Asked> {
    const { socket, address, gone } = caller;
    if (gone.aborted || agent.closed) return 'lost';
    const request = encodeRequest({ kind: 'inbound', port, peer: { address, port: socket.remotePort ?? 1 } });
    // What is read goes with it, as mostly it is there already.
    const stream = agent.open(request, this.#maySend(agent) ? 'nextTurn' : 'turn');
    let sent = false;
    const cancel = () => stream.destroy(); // a process that hangs may accept it in an hour
    gone.addEventListener('abort', cancel);
    const answered = outcome(stream);
    const done = this.#listeners.whileAnswering(agent, () => {
      if (!sent) cancel();
    });
    const stopReading = readFirst(caller, () => {
      if (!this.#maySend(agent)) return;
      sent = true;
      this.#sent++;
      stream.write(caller.first);
    });
    const asked = await answered;
    gone.removeEventListener('abort', cancel);
    done();
    stopReading();
    if (sent) this.#sent--;
    if (asked === 'cut' && sent && !gone.aborted)
      throw new Error('the laptop has gone with what was sent to it');
    if (asked !== 'accepted') return asked === 'cut' ? 'lost' : asked;
    if (caller.first && !sent) stream.write(caller.first);
    return stream;
  }

  #maySend(agent: Tunnel): boolean {
    return agent.silenceMs <= HEARD_LATELY_MS && this.#sent < SENT_LIMIT;
  }
}

/** Has `heard` called as soon as the caller's first bytes are there. The result reads no more. */
function readFirst(caller: Caller, heard: () => void): () => void {
  const { socket } = caller;
  if (caller.first) {
    heard();
    return () => {};
  }
  const read = (chunk: Buffer) => {
    socket.pause();
    caller.first = chunk;
    heard();
  };
  socket.once('data', read).resume();
  return () => void socket.off('data', read).pause();
}

/** How a stream begins, or ends before that: only of one that was cut nobody knows how far it came. */
function outcome(stream: TunnelStream): Promise<'accepted' | 'refused' | 'lost' | 'cut'> {
  return new Promise((resolve) => {
    stream.once('accept', () => resolve('accepted'));
    stream.once('close', () => resolve('lost'));
    stream.on('error', (error) => {
      if (!(error instanceof StreamReset)) return resolve('cut');
      const { connectionRefused, noListener } = ResetCode;
      resolve(error.code === connectionRefused || error.code === noListener ? 'refused' : 'lost');
    });
  });
}
