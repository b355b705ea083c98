import { TpError } from '../errors.ts';
import type { SessionPlan } from '../plan.ts';
import type { PodMount } from '../pod-mount.ts';
import type { Phase, ProxyEvent } from '../tunnel/control.ts';
import type { Cluster } from './client.ts';
import { CONFIG_VOLUME } from './clone.ts';
import { giveBackServices } from './objects.ts';
import { Originals } from './originals.ts';
import { podMounts } from './pod-mounts.ts';
import { PodReadiness } from './pod-readiness.ts';
import { openPodStream } from './pod-stream.ts';
import { PodStreams } from './pod-streams.ts';
import { ProxyControl } from './proxy-control.ts';
import { type ProxyPod, runningProxyPod } from './proxy-pod.ts';
import { untilConnected } from './until-connected.ts';

export interface PodSideOptions {
  cluster: Cluster;
  plan: SessionPlan;
  token: Buffer;
  signal: AbortSignal;
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
  /** For the agent's links. */
  readonly streams: PodStreams;
  /** Whether requests may be led to it. */
  readonly readiness: PodReadiness;
  /** The pods whose place it takes, as it sees them. */
  readonly originals: Originals;
  /** Settles when the cluster has told the pod's address. */
  #addressed: Promise<void> = Promise.resolve();
  #watcher: ProxyWatcher | undefined;
  readonly #departed = Promise.withResolvers<string>();

  constructor(options: PodSideOptions, pod: ProxyPod) {
    this.#options = options;
    this.#token = options.token;
    this.#pod = pod;
    this.streams = new PodStreams({ ...options, pod: () => this.#pod, addressed: () => this.#addressed });
    this.readiness = new PodReadiness({ ...options, pod: () => this.#pod });
    this.originals = new Originals(options.plan, () => this.control);
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
