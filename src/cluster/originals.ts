import { TpError } from '../errors.ts';
import type { SessionPlan } from '../plan.ts';
import { portText } from '../port-text.ts';
import type { ProbeResult } from '../tunnel/control.ts';
import type { ProxyControl } from './proxy-control.ts';

/** How long (ms) a caller waits for an original pod: as the proxy's own search. */
const FOUND_LIMIT_MS = 10_000;

/** The pods whose place the proxy's takes, as that one sees them: they answer where the laptop does not. */
export class Originals {
  readonly #plan: SessionPlan;
  readonly #control: () => ProxyControl;

  constructor(plan: SessionPlan, control: () => ProxyControl) {
    this.#plan = plan;
    this.#control = control;
  }

  /** Dials them once, before any Service depends on it. Throws TpError when none can be reached. */
  async check(): Promise<void> {
    const results = await this.#dial();
    const failed = results.filter(({ failure }) => failure !== undefined);
    if (failed.length === 0 || failed.length < results.length) return;
    const why = failed
      .map(({ port, protocol, failure }) => `port ${portText(port, protocol)}: ${failure}`)
      .join('; ');
    throw new TpError('TP_NO_FALLBACK', `the proxy cannot reach the original pods (${why})`, {
      hint: 'no pod is ready, or a NetworkPolicy forbids it: docs/strict-namespaces.md has one that allows it\n--no-fallback to go on: nobody answers when this laptop does not',
    });
  }

  /**
   * Waits, for so long as callers do, until the proxy has found ones that have just come: the cluster's DNS may keep for a
   * while that there are none. Throws TpError where the proxy cannot be asked.
   */
  async areFound(): Promise<void> {
    const end = performance.now() + FOUND_LIMIT_MS;
    while (performance.now() < end) {
      const results = await this.#dial();
      if (results.some(({ failure }) => failure === undefined)) return;
    }
  }

  async #dial(): Promise<ProbeResult> {
    const ports = this.#plan.services.flatMap((service) => service.ports);
    const podPorts = (wanted: 'UDP' | undefined) => [
      ...new Set(ports.filter(({ protocol }) => protocol === wanted).map(({ pod }) => pod)),
    ];
    return await this.#control().probe(podPorts(undefined), podPorts('UDP'));
  }
}
