import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Service } from '@kubernetes/client-node';
import { TpError } from '../errors.ts';
import { OWNER, readOwner, SESSION } from '../labels.ts';
import type { SessionPlan } from '../plan.ts';
import { portText } from '../port-text.ts';
import { ask, type Cluster } from './client.ts';
import { assertNamespaceStays } from './namespace.ts';
import { isEnded, listSessions } from './objects.ts';
import { followServices } from './service-watch.ts';
import { podPorts, type ServiceView, selects } from './services.ts';
import { giveBackService, takeService } from './takeover.ts';

/** Whoever puts a Service back again and again is not raced: the pause before it is taken again doubles, from here (ms) … */
const FIRST_PAUSE_MS = 250;

/** … to here (ms). Between two in that time the original pods answer, and nobody fails. */
const MAX_PAUSE_MS = 30_000;

/** A Service that was left alone for this long (ms) is taken again as quickly as the first time. */
const CALM_MS = 60_000;

/** What ends the session: another holder, nobody who wants it, or no place for it. */
const FINAL = new Set(['TP_SESSION_GONE', 'TP_NAMESPACE_ENDS', 'TP_HELD']);

export interface GuardOptions {
  plan: SessionPlan;
  cluster: Cluster;
  /** Whether the session has taken this Service, and means to keep it. */
  holds(name: string): boolean;
  /** Has the proxy answer on these ports of the pod too. */
  serve(ports: number[], udp: number[]): Promise<void>;
  say(line: string): void;
  warn(line: string): void;
  /** The session cannot go on. */
  onFailed(error: unknown): void;
}

/** Watches over the Services that lead to the session's pod: what others change in them leads to a sound state. */
export class ServiceGuard {
  readonly #options: GuardOptions;
  readonly #stopped = new AbortController();
  readonly #pauses = new Map<string, { ms: number; at: number }>();
  readonly #retaking = new Map<string, Promise<void>>();
  readonly #gone = new Set<string>();
  /** Those that are to be looked at again once the retaking that is under way is done. */
  readonly #again = new Set<string>();
  /** Those that lead elsewhere now. */
  readonly #released = new Set<string>();
  /** Why one could not be taken again, as it was said last. */
  readonly #said = new Map<string, string>();
  /** Ports as people write them. */
  readonly #served: Set<string>;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#served = new Set(options.plan.ports.map(({ pod, protocol }) => portText(pod, protocol)));
  }

  /** Watches until `stop`. */
  begin(): void {
    const { cluster, warn } = this.#options;
    followServices(cluster, (service, deleted) => this.look(service, deleted), this.#stopped.signal).catch(
      (error: Error) => warn(`nobody watches over the Services: ${error.message}`),
    );
  }

  /** Ends the watch. Resolves when no Service is being taken any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.allSettled(this.#retaking.values());
  }

  /** Takes what a Service is like now. */
  look(service: V1Service, deleted: boolean): void {
    const { plan, holds } = this.#options;
    const name = service.metadata?.name ?? '';
    const holder = service.spec?.selector?.[SESSION];
    if (service.metadata?.labels?.[SESSION] !== undefined) return; // a session's own
    const fits = this.#fits(service);
    if (!deleted && fits) this.#serveToo(service);
    if (!holds(name) || this.#released.has(name)) return;
    if (deleted) {
      this.#gone.add(name);
      this.#deleted(name);
      return;
    }
    if (!fits) this.#release(name, holder === plan.session);
    else if (holder === undefined) this.#retake(name);
    else if (holder !== plan.session) this.#evicted(name).catch(this.#options.onFailed);
  }

  /** A Service may be made again, unless the whole namespace goes. */
  #deleted(name: string): void {
    const { cluster, warn, onFailed } = this.#options;
    assertNamespaceStays(cluster).then(
      () => warn(`Service ${name} was deleted: nobody is led here by it until it is made again`),
      (error: unknown) => {
        if (!this.#stopped.signal.aborted) onFailed(error);
      },
    );
  }

  /** Whether the Service's selector, but for our key, selects the session's pod. */
  #fits(service: V1Service): boolean {
    const { [SESSION]: _session, ...selector } = service.spec?.selector ?? {};
    const { metadata } = this.#options.plan.objects.deployment.spec?.template ?? {};
    return Object.keys(selector).length > 0 && selects(selector, metadata?.labels ?? {});
  }

  /** A Service that someone leads to other pods is not ours any more: with our key in it, it would lead nowhere. */
  #release(name: string, ours: boolean): void {
    const { plan, cluster, warn } = this.#options;
    this.#released.add(name);
    warn(`Service ${name} selects other pods now: it does not lead to this laptop any more`);
    if (!ours) return;
    giveBackService(cluster, name, plan.session).catch((error: Error) => {
      this.#released.delete(name); // the next look tries again
      warn(`Service ${name} could not be given back: ${error.message}`);
      this.#options.onFailed(error);
    });
  }

  /** A Service that selects our pod sends connections there, whatever it looked like when the session began. */
  #serveToo(service: V1Service): void {
    const { plan, serve, say, warn } = this.#options;
    const template = plan.objects.deployment.spec?.template;
    const container = template?.spec?.containers.find(({ name }) => name === plan.container);
    if (!container) return;
    const textOf = ({ pod, protocol }: ServiceView['ports'][number]) => portText(pod, protocol);
    const missing = podPorts(service, template?.spec, container).filter(
      (port) => !this.#served.has(textOf(port)),
    );
    if (missing.length === 0) return;
    for (const port of missing) this.#served.add(textOf(port));
    const what = `Service ${service.metadata?.name} leads to port ${missing.map(textOf).join(', ')} of the pod now`;
    const podsOf = (wanted: 'UDP' | undefined) =>
      missing.filter(({ protocol }) => protocol === wanted).map(({ pod }) => pod);
    serve(podsOf(undefined), podsOf('UDP')).then(
      () => say(`${what}: the original pods answer there`),
      (error: Error) => warn(`${what}, where nobody answers: ${error.message}`),
    );
  }

  #retake(name: string): void {
    if (this.#stopped.signal.aborted) return;
    if (this.#retaking.has(name)) {
      this.#again.add(name); // it may be older news, or somebody who was quicker than our check
      return;
    }
    const retaking = this.#retakeAfterPause(name)
      .catch((error: unknown) => this.#failed(name, error))
      .finally(() => {
        this.#retaking.delete(name);
        if (this.#again.delete(name)) this.#retake(name);
      });
    this.#retaking.set(name, retaking);
  }

  /** Only what the cluster has decided is final; what could not be asked is asked again. */
  #failed(name: string, error: unknown): void {
    if (this.#stopped.signal.aborted) return;
    if (error instanceof TpError && FINAL.has(error.code)) return this.#options.onFailed(error);
    if (this.#said.get(name) !== `${error}`) {
      this.#options.warn(`Service ${name} cannot be taken again now: ${(error as Error).message}`);
    }
    this.#said.set(name, `${error}`);
    if (!this.#gone.has(name)) this.#again.add(name);
  }

  async #retakeAfterPause(name: string): Promise<void> {
    const { plan, cluster, warn } = this.#options;
    const { signal } = this.#stopped;
    const before = this.#pauses.get(name);
    const now = performance.now();
    const ms = before && now - before.at < CALM_MS ? Math.min(MAX_PAUSE_MS, before.ms * 2) : FIRST_PAUSE_MS;
    await sleep(ms, undefined, { signal }).catch(() => {}); // looked at below
    if (signal.aborted) return;
    this.#pauses.set(name, { ms, at: performance.now() });
    await this.#assertWanted();
    if (!(await takeService(cluster, name, plan.session, { fits: (service) => this.#fits(service) }))) return;
    // Whoever undid the session in between did not find this Service.
    await this.#assertWanted().catch(async (error: unknown) => {
      if (error instanceof TpError && error.code === 'TP_SESSION_GONE') {
        await giveBackService(cluster, name, plan.session);
      }
      throw error;
    });
    const again = this.#gone.delete(name) ? 'was made again' : 'was put back by someone else';
    const often = ms > FIRST_PAUSE_MS ? '; again and again: is there a controller that reverts it?' : '';
    warn(`Service ${name} ${again}: it leads to this laptop again${often}`);
  }

  /** Throws TpError where somebody undoes the session: then the Service is not ours to take. */
  async #assertWanted(): Promise<void> {
    const { plan, cluster } = this.#options;
    if (!(await isEnded(cluster, plan.session))) return;
    throw new TpError('TP_SESSION_GONE', `session ${plan.session} was ended by someone else`, {
      hint: 'someone ran `tp leave`: start it again',
    });
  }

  /** The news may be older than our own takeover: what counts is how the Service is now. */
  async #evicted(name: string): Promise<void> {
    const { plan, cluster, onFailed } = this.#options;
    const { core, namespace } = cluster;
    const service = await ask(`reading Service ${name}`, core.readNamespacedService({ name, namespace }));
    const holder = service.spec?.selector?.[SESSION];
    if (holder === undefined || holder === plan.session) return;
    const sessions = await listSessions(cluster).catch(() => undefined); // the name is a nicety
    const owner = readOwner(sessions?.get(holder)?.[OWNER]);
    const who = owner ? `${owner.user}@${owner.host}` : 'someone';
    onFailed(
      new TpError('TP_EVICTED', `${who} took Service ${name} over, in session ${holder}`, {
        hint: `ask ${who}; to go beside that session: --no-inbound`,
      }),
    );
  }
}
