import { SESSION } from '../labels.ts';
import type { SessionPlan } from '../plan.ts';
import type { Cluster } from './client.ts';
import { waitForEndpoint } from './endpoint.ts';
import { type ProxyPod, waitForProxyPod } from './proxy-pod.ts';

/** A pod that was ready so long (ms) ago counts as ready: several Services are mostly taken in one moment. */
const READY_FOR_MS = 3_000;

export interface PodReadinessOptions {
  cluster: Cluster;
  plan: SessionPlan;
  signal: AbortSignal;
  /** The one that is connected to now. */
  pod(): ProxyPod;
}

interface Answer {
  /** The pod's uid. */
  pod: string;
  asked: Promise<void>;
  /** When it was ready (ms, monotonic). */
  since?: number;
}

/** Whether the proxy's pod serves, and the cluster knows. */
export class PodReadiness {
  readonly #options: PodReadinessOptions;
  #known: Answer | undefined;

  constructor(options: PodReadinessOptions) {
    this.#options = options;
  }

  /** Resolves when the pod says that it serves, and the cluster would send requests to it; or did, a moment ago. Throws TpError. */
  async wait(): Promise<void> {
    const { uid } = this.#options.pod();
    const known = this.#known;
    const counts =
      known?.pod === uid && (known.since === undefined || performance.now() - known.since < READY_FOR_MS);
    const answer: Answer = counts ? known : { pod: uid, asked: this.#ask() };
    this.#known = answer;
    try {
      await answer.asked;
      answer.since ??= performance.now();
    } catch (error) {
      // The next one asks again.
      if (this.#known === answer) this.#known = undefined;
      throw error;
    }
  }

  async #ask(): Promise<void> {
    const { cluster, plan, signal } = this.#options;
    const { session, container, objects } = plan;
    const progress = { waitingFor: () => {} };
    const { name } = await waitForProxyPod({
      cluster,
      labelSelector: `${SESSION}=${session}`,
      container,
      until: 'ready',
      progress,
      signal,
    });
    const shadow = objects.shadow?.metadata?.name;
    if (shadow !== undefined) await waitForEndpoint(cluster, shadow, name, signal);
  }
}
