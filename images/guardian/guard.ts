/** The session's lease, as far as the guardian goes by it. */
export interface Lease {
  /** The session; GUARDIAN once it was taken from that; empty when all is done. */
  holder: string;
  /** When it was renewed, by the session's clock: only compared with what it was before. */
  renewed: string;
  durationMs: number;
  version: string;
}

/** Who holds a lease that was taken from its session. */
export const GUARDIAN = 'guardian';

/** What the guardian may do in the cluster. Everything rejects where the API server does not answer or refuses. */
export interface Powers {
  /** Undefined once it is gone: the session has ended in good order, or is about to. */
  lease(): Promise<Lease | undefined>;
  /** Hands the lease to somebody else, unless it was changed meanwhile. */
  handOver(holder: string, version: string): Promise<void>;
  /** Scales the workload back, unless somebody has scaled it already. */
  scaleBack(): Promise<void>;
}

/** Whether the session lives, the workload was scaled back, or there is nothing to guard any more. */
export type Finding = 'held' | 'scaled back' | 'gone';

/**
 * Watches one lease by its own clock, as leader election does: a lease that has not changed for its duration has run out,
 * whatever the laptop's clock says. It is taken from the session before anything is scaled, so that a session which wakes up
 * afterwards learns that it is over.
 */
export class Guard {
  readonly #powers: Powers;
  #renewed = '';
  #since = Number.NEGATIVE_INFINITY;

  constructor(powers: Powers) {
    this.#powers = powers;
  }

  /** Looks once; `now` is a monotonic time (ms). Rejects as `Powers` do: it is to be called again. */
  async look(now: number): Promise<Finding> {
    const lease = await this.#powers.lease();
    if (!lease) return 'gone';
    if (lease.holder === '') return 'scaled back';
    if (lease.holder !== GUARDIAN) {
      if (lease.renewed !== this.#renewed) {
        this.#renewed = lease.renewed;
        this.#since = now;
      }
      if (now - this.#since < lease.durationMs) return 'held';
      await this.#powers.handOver(GUARDIAN, lease.version);
      return 'held'; // the next look sees whether it was
    }
    await this.#powers.scaleBack();
    await this.#powers.handOver('', lease.version);
    return 'scaled back';
  }
}
