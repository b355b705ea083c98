import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import { HeldSyns } from './held-syns.ts';
import { familyOf } from './ip.ts';
import { holdSyns } from './rules.ts';
import { openSynQueue, type SynQueue } from './syn-queue.ts';
import { Callers } from './transparent.ts';

/** What connections need of the kernel to be as in the pod. Where it lacks a part they are less so, and a warning says how. */
export class KernelPath {
  readonly held: HeldSyns;
  readonly callers: Callers;
  readonly #podAddresses: readonly string[];
  readonly #warn: (message: string) => void;
  #queue: SynQueue | undefined;

  constructor(
    podAddresses: readonly string[],
    tunnel: () => Tunnel | undefined,
    warn: (message: string) => void,
  ) {
    this.held = new HeldSyns({ tunnel, decide: (id, verdict) => this.#queue?.decide(id, verdict) });
    this.callers = new Callers(podAddresses);
    this.#podAddresses = podAddresses;
    this.#warn = warn;
  }

  /** Takes what there is into use. Returns it in words, for `tp status`. */
  async use(): Promise<string[]> {
    const [holds, keeps] = await Promise.all([
      this.#attempt('connections are accepted before the peer has accepted', async () => {
        this.#queue = openSynQueue((id, ends) => this.held.hold(id, ends));
        await Promise.all(this.#podAddresses.map((address) => holdSyns(familyOf(address))));
      }),
      this.#attempt('the process does not see the addresses of its callers', () => this.callers.keep()),
    ]);
    if (!holds) this.#queue?.close();
    return [
      holds ? 'NFQUEUE for connections that wait until the peer accepts' : 'plain REDIRECT, without NFQUEUE',
      keeps ? "IP_TRANSPARENT for callers' addresses" : "callers' addresses not kept, without IP_TRANSPARENT",
    ];
  }

  async #attempt(otherwise: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#warn(`${otherwise}: ${(error as Error).message.trim()}`);
      return false;
    }
  }
}
