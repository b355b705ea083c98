import { ResetCode, resetCodeOf } from '../../src/tunnel/errors.ts';
import { encodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import type { TcpEnds } from './packet.ts';

/** Dials for SYNs that wait; further SYNs are dropped, and the kernel sends them again after a second. */
const MAX_DIALS = 1_024;

/** A connection that was let through arrives at once; one that did not within this (ms) was given up by its process. */
const CLAIM_LIMIT_MS = 5_000;

/** One that accepted within this time (ms) is taken to accept again: a new connection costs no round trip of its own. */
const ACCEPTED_LATELY_MS = 5_000;

/** Destinations that are known to accept; the one that was known first makes room. */
const MAX_KNOWN = 1_000;

/** What becomes of a SYN: on its way, lost, or answered as the pod's network did. */
export type SynVerdict = 'accept' | 'drop' | 'refuse' | 'host-unreachable' | 'net-unreachable';

export interface HeldSynsOptions {
  tunnel(): Tunnel | undefined;
  /** Says what becomes of the packet `id` of the queue. */
  decide(id: number, verdict: SynVerdict): void;
  now?: () => number;
}

interface Dial {
  stream: TunnelStream;
  /** The SYN that waits for it; undefined once it was let through. */
  id: number | undefined;
  expiry?: NodeJS.Timeout;
}

const keyOf = ({ source, sourcePort, host, port }: TcpEnds) => `${source}:${sourcePort}>${host}:${port}`;

/**
 * Holds the first packet of each connection until the peer in the cluster has accepted, so that connect() ends as it would
 * in the pod: by an accepted connection, ECONNREFUSED, EHOSTUNREACH or silence.
 */
export class HeldSyns {
  readonly #options: HeldSynsOptions;
  readonly #now: () => number;
  readonly #dials = new Map<string, Dial>();
  readonly #accepted = new Map<string, number>();

  constructor(options: HeldSynsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Takes a SYN from the queue. */
  hold(id: number, ends: TcpEnds): void {
    // connect() lets it through, and nobody can listen there: nor can the proxy be asked to dial it.
    if (ends.port === 0) return this.#options.decide(id, 'refuse');
    const key = keyOf(ends);
    const known = this.#dials.get(key);
    if (known) {
      // Sent again, or the port's next connection: the later one waits in the place of the earlier.
      if (known.id !== undefined) this.#options.decide(known.id, 'drop');
      if (known.expiry) return this.#options.decide(id, 'accept');
      known.id = id;
      return;
    }
    if (this.acceptedLately(ends)) return this.#options.decide(id, 'accept');
    const link = this.#options.tunnel();
    // Without a link connections wait: the kernel sends the SYN again.
    if (!link || this.#dials.size >= MAX_DIALS) return this.#options.decide(id, 'drop');
    this.#dial(id, key, ends, link);
  }

  /** The stream of a connection that was let through, which may have ended since; undefined where it is still to be dialled. */
  claim(ends: TcpEnds): TunnelStream | undefined {
    const key = keyOf(ends);
    const dial = this.#dials.get(key);
    if (!dial?.expiry) return undefined;
    clearTimeout(dial.expiry);
    this.#dials.delete(key);
    return dial.stream;
  }

  /** Whether a destination is taken to accept, since it did a moment ago. */
  acceptedLately({ host, port }: Pick<TcpEnds, 'host' | 'port'>): boolean {
    const at = this.#accepted.get(`${host}:${port}`);
    return at !== undefined && this.#now() - at < ACCEPTED_LATELY_MS;
  }

  /** Notes how a dial of a destination ended, wherever it was made. */
  learn({ host, port }: Pick<TcpEnds, 'host' | 'port'>, accepted: boolean): void {
    const destination = `${host}:${port}`;
    this.#accepted.delete(destination);
    if (!accepted) return;
    const [first] = this.#accepted.keys();
    if (this.#accepted.size >= MAX_KNOWN && first !== undefined) this.#accepted.delete(first);
    this.#accepted.set(destination, this.#now());
  }

  #dial(id: number, key: string, ends: TcpEnds, link: Tunnel): void {
    const stream = link.open(encodeRequest({ kind: 'tcp', host: ends.host, port: ends.port }));
    const dial: Dial = { stream, id };
    this.#dials.set(key, dial);
    const answer = (verdict: SynVerdict) => {
      const waiting = dial.id;
      if (waiting === undefined) return; // let through: its connection is to find what became of its peer
      dial.id = undefined;
      const accepted = verdict === 'accept';
      if (!accepted) this.#dials.delete(key);
      else {
        dial.expiry = setTimeout(() => {
          this.#dials.delete(key);
          stream.destroy();
        }, CLAIM_LIMIT_MS);
      }
      this.learn(ends, accepted);
      this.#options.decide(waiting, verdict);
    };
    stream.once('accept', () => answer('accept'));
    stream.on('error', (error) => answer(verdictOf(error)));
    stream.once('close', () => answer('drop'));
  }
}

/** How the pod's network answered. What says nothing of the peer, as a link's end, leaves the process waiting. */
function verdictOf(error: Error): SynVerdict {
  switch (resetCodeOf(error)) {
    case ResetCode.connectionRefused:
    case ResetCode.connectionReset:
      return 'refuse';
    case ResetCode.hostUnreachable:
      return 'host-unreachable';
    case ResetCode.networkUnreachable:
      return 'net-unreachable';
    default:
      return 'drop';
  }
}
