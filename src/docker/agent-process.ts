import { EventEmitter } from 'node:events';
import type Dockerode from 'dockerode';
import type {
  AgentCommand,
  AgentEvent,
  AgentFigures,
  BroughtMount,
  Configuration,
  LocalNetwork,
  WantedMount,
} from '../../images/network/messages.ts';
import { TpError } from '../errors.ts';
import { encodeMessage, MessageDecoder } from '../tunnel/message.ts';
import { ExecStream } from './exec-stream.ts';

interface AgentProcessEvents {
  event: [AgentEvent];
  /** The process ended although nobody asked it to; another one may be started. */
  died: [TpError];
  /** It ended, and no other one could be started. */
  lost: [TpError];
}

/** One that keeps dying is not started any more: so many times in a row … */
const MAX_RESTARTS = 3;

/** … with less than this (ms) in between. */
const CALM_MS = 60_000;

/** The agent in the network container, as the CLI sees it. Where its process dies, another one takes its place. */
export class AgentProcess extends EventEmitter<AgentProcessEvents> {
  readonly #container: Dockerode.Container;
  #stream: ExecStream | undefined;
  #configuration: Configuration | undefined;
  #features: readonly string[] = [];
  #mounts: WantedMount[] = [];
  #diedAt: number[] = [];
  /** Settles when a process runs that can be told something. */
  #running: Promise<void> = Promise.resolve();
  #ended = false;

  /** Starts the agent, and waits until it takes links. Throws TpError with its own words when it fails. */
  static async start(container: Dockerode.Container): Promise<AgentProcess> {
    const agent = new AgentProcess(container);
    await agent.#run();
    return agent;
  }

  private constructor(container: Dockerode.Container) {
    super();
    this.#container = container;
  }

  async #run(attempt = { started: false }): Promise<void> {
    const stream = await ExecStream.start(this.#container, ['node', '/opt/tp/agent.cjs']);
    attempt.started = true;
    this.#stream = stream;
    const decoder = new MessageDecoder();
    stream.on('data', (chunk: Buffer) => {
      for (const message of decoder.push(chunk)) this.emit('event', message as AgentEvent);
    });
    stream.on('error', () => {}); // 'close' follows
    stream.on('close', () => this.#died(stream.stderr));
    await this.#next('started');
  }

  #died(words: string): void {
    if (this.#ended) return;
    const error = new TpError('TP_AGENT_LOST', 'the agent in the network container ended', { hint: words });
    this.emit('died', error);
    const now = performance.now();
    this.#diedAt = [...this.#diedAt.filter((at) => now - at < CALM_MS), now];
    if (!this.#configuration || this.#diedAt.length > MAX_RESTARTS) return this.#lose(error);
    const reason = 'the agent ended';
    this.emit('event', { event: 'unlinked', reason, kept: false });
    this.emit('event', {
      event: 'warning',
      message: `${reason}, and is started again${words && `: ${words}`}`,
    });
    const attempt = { started: false };
    this.#running = this.#restart(this.#configuration, attempt).catch((cause: unknown) => {
      // The death of one that was started is told by itself; how the first one ended says more than why none starts,
      // unless it is a daemon that took both away.
      if (!attempt.started) this.#lose(cause instanceof TpError ? cause : error);
    });
  }

  #lose(error: TpError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.emit('lost', error);
  }

  async #restart(configuration: Configuration, attempt: { started: boolean }): Promise<void> {
    await this.#run(attempt);
    await this.configure(configuration);
    if (this.#mounts.length > 0) this.#send({ command: 'mounts', mounts: this.#mounts });
  }

  /** Waits while one process takes the place of another. Throws TpError where none did. */
  async #untilRunning(): Promise<void> {
    let running: Promise<void> | undefined;
    while (running !== this.#running) {
      running = this.#running;
      await running;
    }
    if (this.#ended) throw new TpError('TP_AGENT_LOST', 'the agent in the network container ended');
  }

  /** What it uses of the kernel, in words. */
  get features(): readonly string[] {
    return this.#features;
  }

  /** Makes the namespace the pod's. Throws TpError. */
  async configure(configuration: Configuration): Promise<void> {
    const configured = this.#next('configured');
    this.#send({ command: 'configure', ...configuration });
    ({ features: this.#features } = await configured);
    this.#configuration = configuration;
  }

  setLocal(network: LocalNetwork): void {
    if (this.#configuration) Object.assign(this.#configuration, network);
    this.#send({ command: 'local', ...network });
  }

  /** Brings the pod's mounts into the network container, and their changes from then on; says how far copies are. Throws TpError. */
  async bring(
    mounts: WantedMount[],
    onCopying: (path: string, bytes: number) => void,
  ): Promise<BroughtMount[]> {
    const follow = (event: AgentEvent) => {
      if (event.event === 'copying') onCopying(event.path, event.bytes);
    };
    this.on('event', follow);
    try {
      const mounted = this.#next('mounted');
      this.#send({ command: 'mounts', mounts });
      const brought = (await mounted).mounts;
      this.#mounts = mounts;
      return brought;
    } finally {
      this.off('event', follow);
    }
  }

  /**
   * Has connections wait, as the process is about to be ended on purpose. Resolves when none is in the middle of
   * something, or after `limitMs`. Throws TpError.
   */
  async pause(limitMs: number): Promise<void> {
    await this.#untilRunning();
    const paused = this.#next('paused');
    this.#send({ command: 'pause', limitMs });
    // With an agent that dies its connections are gone: nothing is in the middle of anything any more.
    await paused.catch((error: unknown) => {
      if (this.#ended) throw error;
    });
  }

  /** Another process has been started: connections go to it when it listens. */
  resume(): void {
    this.#send({ command: 'resume' });
  }

  /** Waits for the agent's tunnel to be up; the link has been given to it. Says whether connections go on. Throws TpError. */
  async linked(): Promise<boolean> {
    return (await this.#next('linked')).resumed;
  }

  /** The next link leads to another pod. */
  move(): void {
    this.#send({ command: 'move' });
  }

  /** How the tunnel is. Throws TpError when the agent has gone. */
  async figures(): Promise<AgentFigures> {
    await this.#untilRunning();
    const answer = this.#next('figures');
    this.#send({ command: 'figures' });
    return (await answer).figures;
  }

  end(): void {
    this.#ended = true;
    this.#stream?.destroy();
  }

  #send(command: AgentCommand): void {
    this.#stream?.write(encodeMessage(command));
  }

  #next<Name extends AgentEvent['event']>(name: Name): Promise<Extract<AgentEvent, { event: Name }>> {
    return new Promise((resolve, reject) => {
      const settled = () => this.off('event', look).off('died', lost);
      const lost = (error: TpError) => {
        settled();
        reject(error);
      };
      const look = (event: AgentEvent) => {
        if (event.event === name) {
          settled();
          resolve(event as Extract<AgentEvent, { event: Name }>);
        } else if (event.event === 'unlinked' && name === 'linked') {
          lost(new TpError('TP_LINK_FAILED', `no tunnel to the proxy: ${event.reason}`));
        }
      };
      this.on('event', look).on('died', lost);
    });
  }
}
