import type { V1Lease } from '@kubernetes/client-node';
import { TpError } from '../errors.ts';
import { GUARDED, WORKLOAD } from '../labels.ts';
import type { Cluster } from './client.ts';
import { removeGuardian, renewLease, startGuardian } from './guardian.ts';
import { LEASE_SECONDS, REPLICAS, type Replaced } from './guardian-objects.ts';
import { ifAllowed } from './optional.ts';
import { type Scaled, scaleBack, scaleToZero } from './replica-count.ts';
import type { Workload } from './workload.ts';

/** How often the lease is renewed (ms): some may fail before it runs out. */
const RENEW_MS = (LEASE_SECONDS * 1000) / 6;

type Step = { waitingFor(what: string): void };

/** The originals' absence while a session is in their place, and their return. */
export class Replacement {
  readonly #cluster: Cluster;
  readonly #replaced: Replaced;
  readonly #onLost: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #begun = false;

  constructor(cluster: Cluster, replaced: Replaced, onLost: (error: unknown) => void) {
    this.#cluster = cluster;
    this.#replaced = replaced;
    this.#onLost = onLost;
  }

  /** Has the guardian ready before anything is scaled. Throws TpError; rejects when `signal` aborts. */
  async begin({ waitingFor }: Step, signal: AbortSignal): Promise<void> {
    this.#begun = true;
    await startGuardian(this.#cluster, this.#replaced, waitingFor, signal);
    this.#timer = setInterval(() => this.#renew(), RENEW_MS);
    await scaleToZero(this.#cluster, this.#replaced, waitingFor, signal);
  }

  #renew(): void {
    // One that fails is tried again: whether the cluster can be reached is what the links are about.
    renewLease(this.#cluster, this.#replaced).then(
      (held) => {
        if (held || !this.#timer) return;
        clearInterval(this.#timer);
        const { kind, workload } = this.#replaced;
        const why = `the lease on ${kind}/${workload} has run out or was removed: the originals are back`;
        this.#onLost(new TpError('TP_LEASE_LOST', why, { hint: 'start the session again' }));
      },
      () => {},
    );
  }

  /** Brings the originals back; says how many are not ready yet. Throws TpError. */
  async restore({ waitingFor }: Step, hurry: AbortSignal): Promise<number> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    return this.#begun ? await scaleBack(this.#cluster, this.#replaced, waitingFor, hurry) : 0;
  }

  /** Removes the guardian, once the originals are back. Throws TpError. */
  async remove(): Promise<void> {
    if (this.#begun) await removeGuardian(this.#cluster, this.#replaced.name);
  }
}

/** What the leases of the namespace say of workloads that sessions replace; nothing where this login may not list them. Throws TpError. */
export async function replacedWorkloads(
  { coordination, namespace }: Cluster,
  labelSelector: string = GUARDED,
): Promise<(Scaled & { session: string; lease: string })[]> {
  const leases = await ifAllowed(
    'listing Leases',
    coordination.listNamespacedLease({ namespace, labelSelector }),
  );
  return (leases?.items ?? []).map(scaledOf);
}

function scaledOf({ metadata }: V1Lease): Scaled & { session: string; lease: string } {
  const { labels, annotations, name: lease = '' } = metadata ?? {};
  const [kind, workload = ''] = (annotations?.[WORKLOAD] ?? '').split('/');
  return {
    session: labels?.[GUARDED] ?? '',
    lease,
    kind: kind === 'statefulset' ? kind : 'deployment',
    workload,
    replicas: Number(annotations?.[REPLICAS]),
  };
}

/** Refuses to replace what another session replaces already. Throws TpError. */
export async function refuseReplaced(
  cluster: Cluster,
  { kind, name }: Pick<Workload, 'kind' | 'name'>,
): Promise<void> {
  const other = (await replacedWorkloads(cluster)).find(
    (each) => each.kind === kind && each.workload === name,
  );
  if (!other) return;
  throw new TpError('TP_REPLACED', `${kind}/${name} is replaced by the session ${other.session} already`, {
    hint: `tp leave ${other.session}\ntp status --all`,
  });
}

/** Brings back what a session replaced, whoever started it. Throws TpError. */
export async function undoReplacement(cluster: Cluster, session: string): Promise<void> {
  for (const scaled of await replacedWorkloads(cluster, `${GUARDED}=${session}`)) {
    await scaleBack(cluster, scaled, () => {});
    await removeGuardian(cluster, scaled.lease);
  }
}
