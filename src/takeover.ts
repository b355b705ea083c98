import type { Cluster } from './cluster/client.ts';
import type { ServiceView } from './cluster/services.ts';
import { takeService } from './cluster/takeover.ts';
import type { SessionPlan } from './plan.ts';
import { portText } from './port-text.ts';

/** A process that listens only where nobody asks is told so after this long (ms): it may still open another port. */
const ELSEWHERE_AFTER_MS = 1_200;

export interface TakeoverOptions {
  plan: SessionPlan;
  cluster: Cluster;
  /** Resolves when the proxy's pod is ready; no Service is switched to one that is not. */
  ready(): Promise<unknown>;
  onSwitched(service: ServiceView): void;
  onElsewhere(line: string): void;
  onFailed(error: unknown): void;
}

/** Switches each Service when the user's process listens on the first of its ports, so a slow start breaks nothing. */
export class Takeover {
  readonly #options: TakeoverOptions;
  readonly #begun = new Set<string>();
  readonly #held = new Set<string>();
  readonly #taking = new Set<Promise<void>>();
  #stopped = false;
  #elsewhere: NodeJS.Timeout | undefined;
  #said = '';

  constructor(options: TakeoverOptions) {
    this.#options = options;
  }

  /** Whether any Service was taken, or may have been. */
  get begun(): boolean {
    return this.#begun.size > 0;
  }

  /** Whether this Service was taken, and is to be kept. */
  holds(name: string): boolean {
    return this.#held.has(name) && !this.#stopped;
  }

  /** Takes the ports that the process listens on now. */
  listening(ports: readonly number[], udp: readonly number[] = []): void {
    if (this.#stopped) return;
    const { plan } = this.#options;
    const listens = ({ pod, protocol }: ServiceView['ports'][number]) => {
      const mapping = plan.ports.find((each) => each.pod === pod && each.protocol === protocol);
      return (protocol ? udp : ports).includes(mapping?.process ?? pod);
    };
    for (const service of plan.services) {
      if (this.#begun.has(service.name)) continue;
      if (!service.ports.some(listens)) continue;
      this.#begun.add(service.name);
      this.#take(service).catch(this.#options.onFailed);
    }
    this.#watchElsewhere(ports, udp);
  }

  /** Takes no further Service. Resolves when what is under way has reached the cluster, so that it can be given back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#elsewhere);
    await Promise.allSettled(this.#taking);
  }

  async #take(service: ServiceView): Promise<void> {
    const { plan, cluster, ready, onSwitched } = this.#options;
    await ready();
    if (this.#stopped) return;
    const taking = takeService(cluster, service.name, plan.session, { evict: plan.evict }).then(() => {
      this.#held.add(service.name);
    });
    this.#taking.add(taking);
    await taking;
    onSwitched(service);
  }

  #watchElsewhere(ports: readonly number[], udp: readonly number[]): void {
    clearTimeout(this.#elsewhere);
    const wanted = this.#options.plan.ports;
    if (wanted.some(({ process, protocol }) => (protocol ? udp : ports).includes(process))) return;
    // The flag joins two ports of one protocol.
    const mapping = wanted.find(({ protocol }) => (protocol ? udp : ports).length > 0);
    if (!mapping) return;
    const { pod, protocol } = mapping;
    const [first] = protocol ? udp : ports;
    const heard = [...ports.map((port) => portText(port)), ...udp.map((port) => portText(port, 'UDP'))];
    const asked = wanted.map((each) => portText(each.process, each.protocol));
    const line = `listening on ${heard.join(', ')}, Service wants ${asked.join(' or ')}: add --port ${first}:${portText(pod, protocol)}`;
    if (line === this.#said) return;
    this.#elsewhere = setTimeout(() => {
      this.#said = line;
      this.#options.onElsewhere(line);
    }, ELSEWHERE_AFTER_MS);
  }
}
