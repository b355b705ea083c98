import { setTimeout as sleep } from 'node:timers/promises';
import type { PodSide, ProxyWatcher } from './cluster/pod-side.ts';
import type { Network } from './docker/network.ts';
import { TpError } from './errors.ts';
import { joinLink, joinOver } from './link.ts';
import type { Progress } from './progress.ts';

/** The first try to connect again comes after this long (ms), each next one later … */
const FIRST_PAUSE_MS = 150;
const PAUSE_GROWTH = 1.6;

/** … up to this (ms), so that a network that is back is noticed soon. */
const MAX_PAUSE_MS = 3_000;

/**
 * A session whose cluster cannot be reached for this long (ms) is given up. Meanwhile the original pods answer, and this
 * clock stands still while the laptop sleeps.
 */
const GIVE_UP_MS = 10 * 60_000;

/** Trying again does not help where the session is gone … */
const GONE = new Set(['TP_SESSION_GONE', 'TP_NAMESPACE_ENDS']);

/** … and where the cluster refuses us, if it says so for this long (ms): one that starts again refuses everybody at first. */
const REFUSALS = new Set(['TP_FORBIDDEN', 'TP_LOGIN_EXPIRED']);
const REFUSED_MS = 20_000;

/** Where straight links are lost sooner than this (ms) so many times in turn, something on that way ends what lasts. */
const TRUSTED_MS = 60_000;
const MAX_SHORT_LIVED = 2;

export interface LinksOptions {
  proxy: PodSide;
  network: Network;
  token: Buffer;
  progress: Progress;
  /** Hears what happens in the pod. */
  onEvent: ProxyWatcher['onEvent'];
  /** The session cannot be saved. */
  onGivenUp(error: unknown): void;
  giveUpMs?: number;
}

/** Keeps the session connected: makes another link when one is cut, and moves to the pod that takes the place of one. */
export class Links {
  readonly #options: LinksOptions;
  readonly #stopped = new AbortController();
  #linked = false;
  #working = false;
  /** The pod is about to end: its links still work, but lead nowhere soon. */
  #leaving = false;
  /** How often links had to be made again. */
  #reconnects = 0;
  /** Counts what makes an earlier wish for a straight link void. */
  #wish = 0;
  /** The link that moves to the straight way: nothing else may be given to the agent meanwhile. */
  #moving: Promise<unknown> | undefined;
  /** When the link moved to the straight way (ms, monotonic); undefined while it is a port-forward. */
  #straightSince: number | undefined;
  #shortLived = 0;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#linked && this.#options.proxy.connected && !this.#leaving;
  }

  /** Whether the link leads straight from the API server to the pod. */
  get straight(): boolean {
    return this.#straightSince !== undefined;
  }

  get reconnects(): number {
    return this.#reconnects;
  }

  /** Makes the first link, and keeps it from then on. Throws TpError where it does not come up. */
  async begin(signal: AbortSignal): Promise<void> {
    const { proxy, network, token, onEvent } = this.#options;
    network.agent.on('event', (event) => {
      if (event.event === 'linked') this.#linked = true;
      else if (event.event === 'unlinked') this.#lose(event.reason);
    });
    await joinLink(proxy, network, token, signal);
    void this.#straighten();
    proxy.watch({
      onLost: (error) => this.#mend(error.message),
      onEvent: (event) => {
        if (event.event !== 'ending') return onEvent(event);
        this.#leaving = true;
        this.#mend(`pod ${proxy.pod.name} is being replaced`);
      },
    });
  }

  /** Makes no more links. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#moving?.catch(() => {}); // its tunnel has no other link now
  }

  /**
   * A link begins as a port-forward, which comes up wherever tp can be used, and moves to the straight way where there is one:
   * docs/adr/0037-straight-links.md
   */
  async #straighten(): Promise<void> {
    const { proxy, network, token } = this.#options;
    const { signal } = this.#stopped;
    const wish = ++this.#wish;
    if (this.#shortLived >= MAX_SHORT_LIVED) return;
    try {
      const pod = await proxy.streams.openStraight(signal);
      if (wish !== this.#wish || this.#working || !this.connected || signal.aborted)
        return void pod.destroy();
      this.#moving = joinOver(pod, network, token);
      await this.#moving.finally(() => {
        this.#moving = undefined;
      });
      if (this.#linked) this.#straightSince = performance.now();
    } catch {
      // There is no such way here: the port-forward goes on.
    }
  }

  #lose(why: string): void {
    const had = this.#linked;
    this.#linked = false;
    const since = this.#straightSince;
    this.#straightSince = undefined;
    if (since !== undefined)
      this.#shortLived = performance.now() - since < TRUSTED_MS ? this.#shortLived + 1 : 0;
    if (had) this.#mend(why); // one that did not come up is told to whoever makes it
  }

  #mend(why: string): void {
    if (this.#working || this.#stopped.signal.aborted) return;
    this.#working = true;
    this.#untilConnected(why)
      .catch((error: unknown) => {
        if (!this.#stopped.signal.aborted) this.#options.onGivenUp(error);
      })
      .finally(() => {
        this.#working = false;
        if (this.connected && !this.straight) void this.#straighten();
      });
  }

  async #untilConnected(why: string): Promise<void> {
    const { progress, giveUpMs = GIVE_UP_MS } = this.#options;
    const { signal } = this.#stopped;
    const began = performance.now();
    progress.warn(
      this.#leaving ? `${why}: connecting to the next one` : `the link is cut (${why}): connecting again`,
    );
    let said = '';
    let refusedSince: number | undefined;
    let pause = FIRST_PAUSE_MS;
    while (!this.connected) {
      // Jitter: when an API server comes back, not all laptops ask in the same moment.
      await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal });
      pause = Math.min(MAX_PAUSE_MS, pause * PAUSE_GROWTH);
      try {
        await this.#connect(signal);
      } catch (error) {
        signal.throwIfAborted();
        const { message, code } = error as TpError;
        if (GONE.has(code)) throw error;
        refusedSince = REFUSALS.has(code) ? (refusedSince ?? performance.now()) : undefined;
        if (refusedSince !== undefined && performance.now() - refusedSince > REFUSED_MS) throw error;
        if (performance.now() - began > giveUpMs) throw givenUp(giveUpMs, error);
        if (message !== said) progress.say(`still connecting: ${message}`);
        said = message;
      }
    }
    this.#reconnects++;
    progress.say(`connected again after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { proxy, network, token, progress } = this.#options;
    this.#wish++;
    await this.#moving?.catch(() => {}); // then the port-forward, or what it was lost to, is mended
    if (!proxy.connected || this.#leaving) {
      const lost = !proxy.connected;
      const other = await proxy.reconnect(signal);
      // The same pod again: only where its process is another one, a container that was started anew, is it not leaving.
      if (this.#leaving && !other && !lost) {
        throw new TpError('TP_PROXY_UNREACHABLE', 'no other pod of the proxy runs yet');
      }
      this.#leaving = false;
      if (other) {
        progress.say(
          `pod ${proxy.pod.name} (${proxy.pod.ip}) stands in now; the container keeps its first address`,
        );
        // A pod that still lives finishes what it has; new connections go to its successor.
        if (this.#linked) network.agent.move();
        this.#linked = false;
        this.#straightSince = undefined;
      }
    }
    if (this.#linked) return;
    const resumed = await joinLink(proxy, network, token, signal);
    if (!resumed) progress.say('connections through the old pod end with it; new ones go to this one');
  }
}

const givenUp = (ms: number, cause: unknown) =>
  new TpError('TP_LINK_LOST', `no link for ${Math.round(ms / 60_000)} minutes: ${(cause as Error).message}`, {
    cause,
    hint: 'tp leave, once the cluster can be reached again, puts back what could not be put back now',
  });
