import { TpError } from '../errors.ts';
import { SESSION } from '../labels.ts';
import type { SessionPlan } from '../plan.ts';
import type { PodMount } from '../pod-mount.ts';
import { portText } from '../port-text.ts';
import type { Phase, ProbeResult, ProxyEvent } from '../tunnel/control.ts';
import type { Cluster } from './client.ts';
import { CONFIG_VOLUME } from './clone.ts';
import { waitForEndpoint } from './endpoint.ts';
import { giveBackServices } from './objects.ts';
import { podMounts } from './pod-mounts.ts';
import { openPodStream } from './pod-stream.ts';
import { PodStreams } from './pod-streams.ts';
import { ProxyControl } from './proxy-control.ts';
import { type ProxyPod, runningProxyPod, waitForProxyPod } from './proxy-pod.ts';
import { untilConnected } from './until-connected.ts';

export interface PodSideOptions {
  cluster: Cluster;
  plan: SessionPlan;
  token: Buffer;
  signal: AbortSignal;
}

/** How long (ms) a caller waits for an original pod: as the proxy's own search. */
const FOUND_LIMIT_MS = 10_000;

/** A pod that was ready so long (ms) ago counts as ready: several Services are mostly taken in one moment. */
const READY_FOR_MS = 3_000;

interface Readiness {
  /** Its uid. */
  pod: string;
  asked: Promise<void>;
  /** When it was ready (ms, monotonic). */
  since?: number;
}

/** What happens to the connection to the proxy, and in the pod. */
export interface ProxyWatcher {
  /** The connection ended by itself. */
  onLost(error: Error): void;
  onEvent(event: ProxyEvent): void;
}

/** The proxy's pod, as the CLI sees it. Another pod may take its place. */
export class PodSide {
  readonly #options: PodSideOptions;
  readonly #token: Buffer;
  #pod: ProxyPod;
  #control: ProxyControl | undefined;
  #connected = false;
  #phase: Phase = 'running';
  /** Ports that were added since the pod's configuration was written. */
  readonly #more = { tcp: new Set<number>(), udp: new Set<number>() };
  #ready: Readiness | undefined;
  /** For the agent's links. */
  readonly streams: PodStreams;
  /** Settles when the cluster has told the pod's address. */
  #addressed: Promise<void> = Promise.resolve();
  #watcher: ProxyWatcher | undefined;
  readonly #departed = Promise.withResolvers<string>();

  constructor(options: PodSideOptions, pod: ProxyPod) {
    this.#options = options;
    this.#token = options.token;
    this.#pod = pod;
    this.streams = new PodStreams({ ...options, pod: () => this.#pod, addressed: () => this.#addressed });
  }

  get pod(): ProxyPod {
    return this.#pod;
  }

  /** What the user's container is to have mounted. */
  get mounts(): PodMount[] {
    const { plan } = this.#options;
    return podMounts(this.#pod.spec, plan.container, [CONFIG_VOLUME, ...plan.emptied], plan.copies);
  }

  get control(): ProxyControl {
    if (!this.#control) throw new Error('the proxy is not connected');
    return this.#control;
  }

  /** Whether the CLI's own tunnel to the pod is up. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Tells `watcher` of all that happens from now on, in this pod and in those that take its place. */
  watch(watcher: ProxyWatcher): void {
    this.#watcher = watcher;
    this.#follow();
  }

  /**
   * Connects the CLI's own tunnel. The container runs before its process listens: a refused port is tried again. It is tried
   * already before the pod `runs`, which may be told late. Throws TpError.
   */
  async connect(runs: Promise<ProxyPod>): Promise<void> {
    const { signal } = this.#options;
    const settled = runs.then((pod) => {
      const other = pod.uid !== this.#pod.uid;
      if (other && this.#connected) throw new Error('another pod runs');
      this.#pod = pod;
    });
    this.#addressed = settled;
    await untilConnected(() => this.#open(signal, this.#pod), settled, signal);
  }

  /**
   * Connects to the pod that runs now, which may be another one. Returns whether it is. Throws TpError: TP_SESSION_GONE
   * where none will run any more, another one where none does yet or where it cannot be reached now.
   */
  async reconnect(signal: AbortSignal): Promise<boolean> {
    const { cluster, plan } = this.#options;
    const pod = await runningProxyPod(cluster, plan.session, plan.container);
    if (!pod) throw new TpError('TP_PROXY_UNREACHABLE', 'no pod of the proxy runs yet');
    const other = pod.uid !== this.#pod.uid;
    const old = this.#control;
    await this.#open(signal, pod);
    this.#addressed = Promise.resolve();
    old?.close();
    return other;
  }

  /** Connects to `pod`, which is the session's from then on. What earlier ones were told, it is told too. */
  async #open(signal: AbortSignal, pod: ProxyPod): Promise<void> {
    const { cluster, plan } = this.#options;
    const { session, tunnelPort } = plan;
    const stream = await openPodStream(cluster, pod.name, tunnelPort, signal);
    let opened: ProxyControl | undefined;
    const control = await ProxyControl.open(stream, this.#token, session, (error) => {
      if (!opened || this.#control !== opened) return; // another one took its place, or it never came up
      this.#connected = false;
      this.#watcher?.onLost(error);
    });
    try {
      await control.setPhase(this.#phase);
      const { tcp, udp } = this.#more;
      if (tcp.size + udp.size > 0) await control.serve([...tcp], [...udp]);
    } catch (error) {
      control.close();
      throw error;
    }
    opened = control;
    this.#control = control;
    this.#pod = pod;
    this.#connected = true;
    this.#follow();
  }

  #follow(): void {
    const watcher = this.#watcher;
    if (!watcher) return;
    const { uid } = this.#pod;
    this.#control?.follow((event) => {
      if (event.event === 'departed') this.#departed.resolve(uid);
      else watcher.onEvent(event);
    });
  }

  /** Resolves with the uid of the pod whose process has finished what it had, and exits. */
  get departed(): Promise<string> {
    return this.#departed.promise;
  }

  /** Has the proxy answer on more ports of the pod, and of those that take its place. Throws TpError. */
  async serve(ports: number[], udp: number[]): Promise<void> {
    for (const port of ports) this.#more.tcp.add(port);
    for (const port of udp) this.#more.udp.add(port);
    if (!this.#connected) return; // told with the next connection
    try {
      await this.control.serve(ports, udp);
    } catch (error) {
      // One that cannot be listened on is not asked for again, of any pod.
      if (this.#connected) {
        for (const port of ports) this.#more.tcp.delete(port);
        for (const port of udp) this.#more.udp.delete(port);
      }
      throw error;
    }
  }

  /** Says where the session stands; a pod that cannot be asked now is told when it is connected to again. Throws TpError. */
  async setPhase(phase: Phase): Promise<void> {
    this.#phase = phase;
    try {
      await this.control.setPhase(phase);
    } catch (error) {
      if (this.#connected) throw error;
    }
  }

  /**
   * Waits, for so long as callers do, until the proxy has found original pods that have just come: the cluster's DNS may
   * keep for a while that there are none.
   */
  async findsOriginals(): Promise<void> {
    const end = performance.now() + FOUND_LIMIT_MS;
    while (performance.now() < end) {
      const results = await this.#dialOriginals();
      if (results.some(({ failure }) => failure === undefined)) return;
    }
  }

  async #dialOriginals(): Promise<ProbeResult> {
    const { plan } = this.#options;
    const ports = plan.services.flatMap((service) => service.ports);
    const podPorts = (wanted: 'UDP' | undefined) => [
      ...new Set(ports.filter(({ protocol }) => protocol === wanted).map(({ pod }) => pod)),
    ];
    return await this.control.probe(podPorts(undefined), podPorts('UDP'));
  }

  /** Dials the original pods once, before any Service depends on it. Throws TpError when none can be reached. */
  async checkFallback(): Promise<void> {
    const results = await this.#dialOriginals();
    const failed = results.filter(({ failure }) => failure !== undefined);
    if (failed.length === 0 || failed.length < results.length) return;
    const why = failed
      .map(({ port, protocol, failure }) => `port ${portText(port, protocol)}: ${failure}`)
      .join('; ');
    throw new TpError('TP_NO_FALLBACK', `the proxy cannot reach the original pods (${why})`, {
      hint: 'no pod is ready, or a NetworkPolicy forbids it: docs/strict-namespaces.md has one that allows it\n--no-fallback to go on: nobody answers when this laptop does not',
    });
  }

  /** Resolves when the pod says that it serves, and the cluster would send requests to it; or did, a moment ago. Throws TpError. */
  async ready(): Promise<void> {
    const { uid } = this.#pod;
    const known = this.#ready;
    const counts =
      known?.pod === uid && (known.since === undefined || performance.now() - known.since < READY_FOR_MS);
    const ready: Readiness = counts ? known : { pod: uid, asked: this.#untilReady() };
    this.#ready = ready;
    try {
      await ready.asked;
      ready.since ??= performance.now();
    } catch (error) {
      // The next one asks again.
      if (this.#ready === ready) this.#ready = undefined;
      throw error;
    }
  }

  async #untilReady(): Promise<void> {
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

  /** Gives back what was taken. */
  async giveBack(): Promise<void> {
    const { cluster, plan } = this.#options;
    // Nobody waits any longer for a process that is not coming back; a pod that is gone has nobody waiting.
    const ended = this.setPhase('ended').catch(() => {});
    await Promise.all([ended, giveBackServices(cluster, plan.session)]);
    await this.leave();
  }

  /** Lets the pod end once it is idle. */
  async leave(): Promise<void> {
    // A pod that is gone, or that does not hear, is deleted all the same; it only gets to use all of its grace.
    await this.setPhase('leaving').catch(() => {});
  }

  /** Closes the CLI's tunnel. */
  close(): void {
    this.#control?.close();
  }
}
