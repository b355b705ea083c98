import type { Duplex } from 'node:stream';
import type { SessionPlan } from '../plan.ts';
import { straightKey } from '../tunnel/straight.ts';
import type { Cluster } from './client.ts';
import { openPodStream } from './pod-stream.ts';
import type { ProxyPod } from './proxy-pod.ts';
import { openStraightStream } from './straight-stream.ts';

/** A prepared stream is used for this long (ms): the proxy waits for 5 s to be told the token on it. */
const PREPARED_MS = 1_500;

export interface PodStreamsOptions {
  cluster: Cluster;
  plan: SessionPlan;
  token: Buffer;
  /** The one that is the session's now. */
  pod(): ProxyPod;
  /** Settles when the cluster has told the pod's address. */
  addressed(): Promise<void>;
}

/** The streams to the proxy's pod over which the agent's links run. */
export class PodStreams {
  readonly #options: PodStreamsOptions;
  readonly #key: Buffer;
  readonly #open = new Set<Duplex>();
  #prepared: { pod: string; opening: Promise<Duplex | undefined>; since: number } | undefined;

  constructor(options: PodStreamsOptions) {
    this.#options = options;
    this.#key = straightKey(options.token);
  }

  /** Opens the stream that the next link takes, which costs some round trips. Where it fails that link opens another one. */
  prepare(signal: AbortSignal): void {
    const opening = this.#toTunnelPort(signal).catch(() => undefined);
    this.#prepared = { pod: this.#options.pod().uid, opening, since: performance.now() };
  }

  /** A new stream to the proxy's tunnel port. Throws TpError. */
  async open(signal: AbortSignal): Promise<Duplex> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    const stream = await prepared?.opening;
    const isFresh =
      prepared?.pod === this.#options.pod().uid && performance.now() - prepared.since < PREPARED_MS;
    if (stream && isFresh && !stream.destroyed) return stream;
    stream?.destroy();
    return await this.#toTunnelPort(signal);
  }

  /** The same by the straight way, once the pod's address is known. Rejects where there is no such way. */
  async openStraight(signal: AbortSignal): Promise<Duplex> {
    const { cluster, plan, pod, addressed } = this.#options;
    await addressed();
    const target = { pod: pod().name, port: plan.healthPort, key: this.#key };
    return this.#keep(await openStraightStream(cluster, target, signal));
  }

  /** Cuts what an agent that could not be ended still holds: the pod would wait for its connections. */
  cut(): void {
    for (const stream of this.#open) stream.destroy();
    void this.#prepared?.opening.then((stream) => stream?.destroy());
  }

  async #toTunnelPort(signal: AbortSignal): Promise<Duplex> {
    const { cluster, plan, pod } = this.#options;
    return this.#keep(await openPodStream(cluster, pod().name, plan.tunnelPort, signal));
  }

  #keep(stream: Duplex): Duplex {
    this.#open.add(stream);
    stream.once('close', () => this.#open.delete(stream));
    return stream;
  }
}
