import { EventEmitter, once } from 'node:events';
import type { Phase } from '../../src/tunnel/control.ts';
import { MessageDecoder } from '../../src/tunnel/message.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import type { LinkState, Tunnel } from '../../src/tunnel/tunnel.ts';

/**
 * For so long (ms) a connection of which nothing was sent waits for a laptop whose link is cut: most come back within a third
 * of it, and callers that give up after 2 s, as some do, still get their answer from an original pod.
 */
const AWAY_AFTER_MS = 1_000;

export interface ListenersEvents {
  change: [];
}

/**
 * Whether the laptop can answer for a port: the agent is there, the session runs, and the user's process listens.
 * A port that has been listened on is worth waiting for while the process restarts; one that never was is not.
 */
export class Listeners extends EventEmitter<ListenersEvents> {
  #agent: Tunnel | undefined;
  /** The laptop has not been heard for a while: nobody waits for it, though its session may still go on. */
  #away = false;
  #leaving: NodeJS.Timeout | undefined;
  #phase: Phase = 'running';
  #ports = new Set<number>();
  #udp = new Set<number>();
  readonly #seen = new Set<number>();
  readonly #givenUp = new Set<number>();
  /** How long a connection waits for a process that restarts (ms). */
  readonly waitMs: number;

  constructor(waitMs: number) {
    super();
    this.setMaxListeners(0); // one waits for each connection that waits
    this.waitMs = waitMs;
  }

  get phase(): Phase {
    return this.#phase;
  }

  setPhase(phase: Phase): void {
    this.#phase = phase;
    this.emit('change');
  }

  setAgent(agent: Tunnel | undefined): void {
    this.#agent = agent;
    this.#ports = new Set();
    this.#udp = new Set();
    this.setLink('up');
  }

  /** Takes what is known of the agent's link. Of a silent one it takes a while until it is. */
  setLink(state: LinkState): void {
    clearTimeout(this.#leaving);
    if (state === 'down' && !this.#away) {
      this.#leaving = setTimeout(() => this.#setAway(true), AWAY_AFTER_MS);
    } else this.#setAway(state !== 'up');
  }

  #setAway(away: boolean): void {
    this.#away = away;
    this.emit('change');
  }

  /** Takes what the agent says of its ports, message after message. */
  follow(agent: Tunnel | undefined, stream: TunnelStream): void {
    const decoder = new MessageDecoder();
    stream.accept();
    stream.on('error', () => {}); // the agent's going is seen as such
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const message of decoder.push(chunk)) this.#update(agent, message);
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
  }

  #update(agent: Tunnel | undefined, message: unknown): void {
    if (agent !== this.#agent) return;
    const { ports, udp } = (message ?? {}) as { ports?: unknown; udp?: unknown };
    this.#ports = new Set(numbersIn(ports));
    this.#udp = new Set(numbersIn(udp));
    for (const port of this.#ports) {
      this.#seen.add(port);
      this.#givenUp.delete(port);
    }
    this.emit('change');
  }

  /** Whether anything at all is listened on. */
  get any(): boolean {
    return this.answering !== undefined && (this.#ports.size > 0 || this.#udp.size > 0);
  }

  /** The agent, while connections are for the laptop at all. */
  get answering(): Tunnel | undefined {
    return this.#phase === 'running' && !this.#away ? this.#agent : undefined;
  }

  /** Calls `over` once `agent` is no longer worth waiting for, from now on; the result ends the watch. */
  whileAnswering(agent: Tunnel, over: () => void): () => void {
    const look = () => {
      if (this.answering !== agent) over();
    };
    this.on('change', look);
    look();
    return () => void this.off('change', look);
  }

  /** The agent, if the user's process listens on `port` now. */
  ready(port: number): Tunnel | undefined {
    return this.#ports.has(port) ? this.answering : undefined;
  }

  /** As `ready`, of a UDP port: datagrams wait for nobody. */
  readyUdp(port: number): Tunnel | undefined {
    return this.#udp.has(port) ? this.answering : undefined;
  }

  /** Reports that the process refused a connection although it was said to listen: it is restarting. */
  refused(port: number): void {
    this.#ports.delete(port);
  }

  /** The agent once the process listens; undefined as soon as it is clear that it will not, or when `signal` aborts. */
  async wait(port: number, signal: AbortSignal): Promise<Tunnel | undefined> {
    const now = this.ready(port);
    if (now) return now;
    const expired = AbortSignal.timeout(this.waitMs);
    const either = AbortSignal.any([expired, signal]);
    for (;;) {
      const agent = this.ready(port);
      if (agent) return agent;
      if (either.aborted || !this.answering || !this.#seen.has(port) || this.#givenUp.has(port)) break;
      await once(this, 'change', { signal: either }).catch(() => {});
    }
    if (expired.aborted) {
      // One that waited in vain is enough: the rest go to the original pods until the process is back.
      this.#givenUp.add(port);
      this.emit('change');
    }
    return undefined;
  }
}

const numbersIn = (value: unknown): number[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'number') : [];
