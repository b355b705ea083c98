import { NODATA, NOTFOUND, TIMEOUT } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { connect, type Socket } from 'node:net';
import { plainAddress } from '../address.ts';

/** A pod that has not answered by then (ms) gets company: the next one is dialled beside it. */
const STAGGER_MS = 250;

/** The whole search for an original pod (ms): a rollout replaces the last one within this. */
export const SEARCH_LIMIT_MS = 10_000;

/**
 * One round over the pods (ms): longer than a lost SYN's first retransmission. Then their name is asked for again, for
 * one that died without a word has a successor by then.
 */
const ROUND_LIMIT_MS = 2_000;

/** Between two rounds over all pods (ms). */
const ROUND_PAUSE_MS = 100;

/**
 * For so long (ms) the DNS may not be heard by a pod that has just come: where its address was another pod's, Linux sends
 * to that one for 5 s, and asks for it three times in as many seconds, before it looks who has the address now. Less than
 * the CLI waits for the answer to its question.
 */
const DNS_SILENCE_MS = 12_000;

export interface FallbackOptions {
  /** The name whose addresses are the original pods' and perhaps our own. */
  name: string;
  /** Addresses that are never dialled: the proxy's own. */
  own: readonly string[];
  resolve?: (name: string) => Promise<string[]>;
}

/** The way to the original pods. */
export class Fallback {
  readonly #options: FallbackOptions;
  readonly #resolver = new Resolver({ timeout: 1_000, tries: 2 });
  #lastFound: string[] = [];
  #looking: Promise<string[]> | undefined;

  constructor(options: FallbackOptions) {
    this.#options = options;
  }

  /**
   * A connection to some original pod's `port`, for a caller at `peer`. Tries again until the limit, since pods come
   * and go during a rollout. Throws the last failure, or AbortError when `signal` ends the wait.
   */
  async dial(port: number, peer: string, signal: AbortSignal, limitMs = SEARCH_LIMIT_MS): Promise<Socket> {
    const end = performance.now() + limitMs;
    for (;;) {
      try {
        const candidates = await this.candidates(peer);
        const round = AbortSignal.any([signal, AbortSignal.timeout(ROUND_LIMIT_MS)]);
        return await dialAny(candidates, port, round);
      } catch (error) {
        if (signal.aborted || performance.now() + ROUND_PAUSE_MS > end) throw error;
      }
      await pause();
    }
  }

  /**
   * Waits until the DNS has said something of the original pods, were it that there are none. Gives the failure of the last
   * try where it is silent until the limit.
   */
  async heardOf(limitMs = DNS_SILENCE_MS): Promise<Error | undefined> {
    const end = performance.now() + limitMs;
    for (;;) {
      const begun = performance.now();
      try {
        await this.#lookUp();
        return undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== TIMEOUT) return undefined;
        const now = performance.now();
        if (now + (now - begun) > end) return error as Error; // another one would take as long
      }
      await pause();
    }
  }

  /** Whether the name of the original pods is gone, as after `tp leave`; or no pod is ready, which comes to the same. */
  async isGone(): Promise<boolean> {
    try {
      await this.#resolve();
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === NOTFOUND;
    }
  }

  async #resolve(): Promise<string[]> {
    const { name, resolve } = this.#options;
    if (resolve) return await resolve(name);
    try {
      return await this.#resolver.resolve4(name);
    } catch (error) {
      // In a cluster of IPv6 alone there are no others.
      if ((error as NodeJS.ErrnoException).code !== NODATA) throw error;
      return await this.#resolver.resolve6(name);
    }
  }

  /**
   * The pods' addresses; those of the last time where their name is gone. It goes with the session, and for a moment after
   * that there are nodes which still send to us. Asked once for all that wait: a thousand callers are not to flood the DNS.
   */
  #lookUp(): Promise<string[]> {
    this.#looking ??= this.#ask().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #ask(): Promise<string[]> {
    try {
      this.#lastFound = await this.#resolve();
    } catch (error) {
      if (this.#lastFound.length === 0) throw error;
    }
    return this.#lastFound;
  }

  /** The original pods' addresses, in any order. Throws Error where there are none. */
  async candidates(peer: string): Promise<string[]> {
    const { own } = this.#options;
    const found = (await this.#lookUp()).map(plainAddress).filter((address) => !own.includes(address));
    // While one proxy pod replaces another each may see the other; not going back to the caller breaks the circle.
    const others = found.filter((address) => address !== peer);
    const candidates = others.length > 0 ? others : found;
    if (candidates.length === 0) throw new Error('the workload has no other pods that are ready');
    return candidates.sort(() => Math.random() - 0.5);
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, ROUND_PAUSE_MS));

/** The first of `addresses` to accept on `port`; they are dialled one after the other, overlapping when one is slow. */
async function dialAny(addresses: string[], port: number, signal: AbortSignal): Promise<Socket> {
  const sockets = new Set<Socket>();
  let failure: Error | undefined;
  return await new Promise<Socket>((resolve, reject) => {
    const queue = [...addresses];
    let timer: NodeJS.Timeout | undefined;
    const finish = (winner: Socket | undefined) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      for (const socket of sockets) if (socket !== winner) socket.destroy();
      if (winner) resolve(winner);
      else reject(failure ?? new Error('no pod answered'));
    };
    const aborted = () => {
      const { reason } = signal as { reason: Error };
      failure = reason.name === 'TimeoutError' ? (failure ?? new Error('no pod answered in time')) : reason;
      finish(undefined);
    };
    const next = () => {
      clearTimeout(timer);
      const host = queue.shift();
      if (!host) {
        if (sockets.size === 0) finish(undefined);
        return;
      }
      const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
      sockets.add(socket);
      const failed = (error: Error) => {
        failure = error;
        sockets.delete(socket);
        next();
      };
      socket.once('error', failed);
      socket.once('connect', () => {
        socket.off('error', failed);
        finish(socket);
      });
      timer = setTimeout(next, STAGGER_MS);
    };
    if (signal.aborted) return aborted();
    signal.addEventListener('abort', aborted);
    next();
  });
}
