import { EventEmitter, once } from 'node:events';
import type { Phase } from '../../src/tunnel/control.ts';
import { MessageDecoder } from '../../src/tunnel/message.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';

export interface ListenersEvents {
  change: [];
}

/**
 * Whether the laptop can answer for a port: the agent is there, the session runs, and the user's process listens.
 * A port that has been listened on is worth waiting for while the process restarts; one that never was is not.
 */
export class Listeners extends EventEmitter<ListenersEvents> {
  #agent: Tunnel | undefined;
  #phase: Phase = 'running';
  #ports = new Set<number>();
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
    this.#seen.clear();
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
    const ports = (message as { ports?: unknown } | null)?.ports;
    this.#ports = new Set(Array.isArray(ports) ? ports.filter((port) => typeof port === 'number') : []);
    for (const port of this.#ports) {
      this.#seen.add(port);
      this.#givenUp.delete(port);
    }
    this.emit('change');
  }

  /** Whether anything at all is listened on. */
  get any(): boolean {
    return this.#answering !== undefined && this.#ports.size > 0;
  }

  get #answering(): Tunnel | undefined {
    return this.#phase === 'running' ? this.#agent : undefined;
  }

  /** The agent, if the user's process listens on `port` now. */
  ready(port: number): Tunnel | undefined {
    return this.#ports.has(port) ? this.#answering : undefined;
  }

  /** Reports that the process refused a connection although it was said to listen: it is restarting. */
  refused(port: number): void {
    this.#ports.delete(port);
  }

  /** The agent once the process listens; undefined as soon as it is clear that it will not, or when `signal` aborts. */
  async wait(port: number, signal: AbortSignal): Promise<Tunnel | undefined> {
    const expired = AbortSignal.timeout(this.waitMs);
    const either = AbortSignal.any([expired, signal]);
    for (;;) {
      const agent = this.ready(port);
      if (agent) return agent;
      if (either.aborted || !this.#answering || !this.#seen.has(port) || this.#givenUp.has(port)) break;
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
