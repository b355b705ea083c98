import type { Cluster } from './cluster/client.ts';
import { podNamed } from './cluster/proxy-pod.ts';
import type { ServiceView } from './cluster/services.ts';
import type { Network } from './docker/network.ts';
import type { SessionPlan } from './plan.ts';
import { portText } from './port-text.ts';
import type { Progress } from './progress.ts';
import type { Takeover } from './takeover.ts';
import type { ProxyEvent } from './tunnel/control.ts';

/** Tells the person what happens in a running session, and the session when it is lost. */
export class Reporter {
  /** Rejects when the session cannot go on. */
  readonly lost: Promise<never>;
  readonly #progress: Progress;
  readonly #cluster: Cluster;
  readonly #plan: SessionPlan;
  #fail!: (error: unknown) => void;
  #announced = false;

  constructor(progress: Progress, cluster: Cluster, plan: SessionPlan) {
    this.#progress = progress;
    this.#cluster = cluster;
    this.#plan = plan;
    this.lost = new Promise<never>((_resolve, reject) => {
      this.#fail = reject;
    });
    this.lost.catch(() => {}); // raced against the container's exit
  }

  failed(error: unknown): void {
    this.#fail(error);
  }

  /** Tells what happens in the pod. */
  event(event: ProxyEvent): void {
    if (event.event === 'warning') this.#progress.warn(event.message);
    else if (event.event === 'answered') this.#firstRequest(event.peer);
  }

  /** Follows the agent's events. */
  follow(network: Network, takeover: Takeover): void {
    network.agent.on('lost', (error) => this.#fail(error));
    network.agent.on('event', (event) => {
      if (event.event === 'listening') takeover.listening(event.ports, event.udp);
      else if (event.event === 'warning') this.#progress.warn(event.message);
    });
    if (this.#plan.services.length === 0) this.#ready(undefined, network.published);
  }

  /** A Service leads here now. The first one completes the start. */
  switched(service: ServiceView, published: readonly string[]): void {
    const ports = service.ports
      .map(({ port, pod, protocol }) => `${portText(port, protocol)} -> ${pod}`)
      .join(', ');
    this.#progress.say(`Service ${service.name} is switched to this laptop (${ports})`);
    this.#ready(service, published);
  }

  #ready(service: ServiceView | undefined, published: readonly string[]): void {
    if (this.#announced) return;
    this.#announced = true;
    const { context, namespace, options } = this.#cluster;
    this.#progress.say(`ready: context ${context}, namespace ${namespace}, session ${this.#plan.session}`);
    for (const line of published) this.#progress.say(`published: ${line}`);
    const port = service?.ports.find(({ protocol }) => !protocol)?.port;
    if (service && port) {
      const get = `fetch("http://${service.name}:${port}/").then(r=>r.text()).then(console.log)`;
      const pod = `deploy/${this.#plan.objects.deployment.metadata?.name}`;
      const kubectl = ['kubectl', ...(options.kubeconfig ? ['--kubeconfig', options.kubeconfig] : [])].join(
        ' ',
      );
      this.#progress.say('call it from inside the cluster:');
      this.#progress.say(
        `  ${kubectl} --context ${context} -n ${namespace} exec ${pod} -c ${this.#plan.container} -- node -e '${get}'`,
      );
    }
    this.#progress.say("Ctrl-C ends it, as does the container's exit; everything is put back then");
  }

  #firstRequest(peer: string): void {
    podNamed(this.#cluster, peer).then(
      (name) => this.#progress.say(`first request from ${name} answered here`),
      () => this.#progress.say(`first request from ${peer} answered here`), // the name is a nicety
    );
  }
}
