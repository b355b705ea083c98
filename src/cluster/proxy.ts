import type { Duplex } from 'node:stream';
import { TpError } from '../errors.ts';
import type { Interrupts } from '../interrupts.ts';
import type { SessionPlan } from '../plan.ts';
import type { Progress } from '../progress.ts';
import type { Cluster } from './client.ts';
import { waitForEndpoint } from './endpoint.ts';
import { createObjects, deleteObjects, giveBackServices } from './objects.ts';
import { openPodStream } from './pod-stream.ts';
import { ProxyControl } from './proxy-control.ts';
import { type ProxyPod, waitForProxyPod } from './proxy-pod.ts';

export interface ProxyOptions {
  cluster: Cluster;
  plan: SessionPlan;
  token: Buffer;
  progress: Progress;
  interrupts: Interrupts;
  cleanup: AsyncDisposableStack;
  signal: AbortSignal;
  /** Hears the pod's name as soon as there is one. */
  onNamed(name: string): void;
}

/** The pod ends by itself when it is idle; one that hangs gets this long (s). */
const GRACE_SECONDS = 5;

/** One that nobody was ever connected to has nothing to finish (s). */
const UNUSED_GRACE_SECONDS = 1;

/** Puts the proxy's pod into the cluster and connects to it. What was made is undone by `cleanup`. Throws TpError. */
export async function startProxy(options: ProxyOptions): Promise<PodSide> {
  const { cluster, plan, token, progress, interrupts, cleanup, signal, onNamed } = options;
  // Before the first object is made, so that an interruption in between finds them all.
  let grace = UNUSED_GRACE_SECONDS;
  cleanup.defer(() =>
    progress.step('removing the proxy', ({ waitingFor }) =>
      deleteObjects(cluster, plan.session, interrupts.hurry ? 0 : grace, waitingFor),
    ),
  );
  return await progress.step('proxy pod', async ({ waitingFor }) => {
    await createObjects(cluster, plan.objects);
    const { session, container } = plan;
    const pod = await waitForProxyPod({
      cluster,
      session,
      container,
      until: 'running',
      progress: { waitingFor, named: onNamed },
      signal,
    });
    waitingFor(`the proxy in ${pod.name}`);
    const proxy = new PodSide(options, pod);
    await proxy.connect(token);
    grace = GRACE_SECONDS;
    cleanup.defer(() => proxy.leave());
    return proxy;
  });
}

/** How long the proxy may take to listen after its container has started, in tries and ms between them. */
const CONNECT_TRIES = 50;
const CONNECT_PAUSE_MS = 100;

/** The proxy's pod, as the CLI sees it. */
export class PodSide {
  readonly pod: ProxyPod;
  readonly #options: ProxyOptions;
  #control: ProxyControl | undefined;
  #ready: Promise<void> | undefined;
  #onLost: (error: Error) => void = () => {};

  constructor(options: ProxyOptions, pod: ProxyPod) {
    this.#options = options;
    this.pod = pod;
  }

  get control(): ProxyControl {
    if (!this.#control) throw new Error('the proxy is not connected');
    return this.#control;
  }

  /** Hears when the connection to the proxy ends by itself. */
  set onLost(handler: (error: Error) => void) {
    this.#onLost = handler;
  }

  /** A new stream to the proxy's tunnel port. Throws TpError. */
  openStream(signal: AbortSignal): Promise<Duplex> {
    const { cluster, plan } = this.#options;
    return openPodStream(cluster, this.pod.name, plan.tunnelPort, signal);
  }

  /** Connects the CLI's own tunnel. The container runs before its process listens: a refused port is tried again. */
  async connect(token: Buffer): Promise<void> {
    const { plan, signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        const stream = await this.openStream(signal);
        this.#control = await ProxyControl.open(stream, token, plan.session, (error) => this.#onLost(error));
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (attempt === CONNECT_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, CONNECT_PAUSE_MS));
      }
    }
  }

  /** Dials the original pods once, before any Service depends on it. Throws TpError when none can be reached. */
  async checkFallback(plan: SessionPlan): Promise<void> {
    const ports = plan.services.flatMap(({ ports }) => ports.map(({ pod }) => pod));
    const results = await this.control.probe([...new Set(ports)]);
    const failed = results.filter(({ failure }) => failure !== undefined);
    if (failed.length === 0 || failed.length < results.length) return;
    const why = failed.map(({ port, failure }) => `port ${port}: ${failure}`).join('; ');
    throw new TpError('TP_NO_FALLBACK', `the proxy cannot reach the original pods (${why})`, {
      hint: 'a NetworkPolicy may forbid it, or no pod is ready\n--no-fallback to go on: nobody answers when this laptop does not',
    });
  }

  /** Resolves when the pod says that it serves, and the cluster would send requests to it. */
  ready(): Promise<void> {
    this.#ready ??= this.#untilReady();
    return this.#ready;
  }

  async #untilReady(): Promise<void> {
    const { cluster, plan, signal } = this.#options;
    const { session, container, objects } = plan;
    const progress = { waitingFor: () => {} };
    const { name } = await waitForProxyPod({ cluster, session, container, until: 'ready', progress, signal });
    const shadow = objects.shadow?.metadata?.name;
    if (shadow !== undefined) await waitForEndpoint(cluster, shadow, name, signal);
  }

  /** Gives back what was taken. */
  async giveBack(): Promise<void> {
    const { cluster, plan } = this.#options;
    // Nobody waits any longer for a process that is not coming back; a pod that is gone has nobody waiting.
    const ended = this.control.setPhase('ended').catch(() => {});
    await Promise.all([ended, giveBackServices(cluster, plan.session)]);
    await this.#leaving();
  }

  /** Lets the pod end once it is idle, and closes the CLI's tunnel to it. */
  async leave(): Promise<void> {
    await this.#leaving();
    this.control.close();
  }

  async #leaving(): Promise<void> {
    // A pod that is gone, or that does not hear, is deleted all the same; it only gets to use all of its grace.
    await this.control.setPhase('leaving').catch(() => {});
  }
}
