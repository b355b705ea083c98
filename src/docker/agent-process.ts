import { EventEmitter } from 'node:events';
import type Dockerode from 'dockerode';
import type {
  AgentCommand,
  AgentEvent,
  AgentFigures,
  Configuration,
  LocalNetwork,
} from '../../images/network/messages.ts';
import { TpError } from '../errors.ts';
import { encodeMessage, MessageDecoder } from '../tunnel/message.ts';
import { ExecStream } from './exec-stream.ts';

interface AgentProcessEvents {
  event: [AgentEvent];
  /** The agent ended although nobody asked it to. */
  lost: [TpError];
}

/** The agent in the network container, as the CLI sees it. */
export class AgentProcess extends EventEmitter<AgentProcessEvents> {
  readonly #stream: ExecStream;
  #ended = false;

  /** Starts the agent, and waits until it takes links. Throws TpError with its own words when it fails. */
  static async start(container: Dockerode.Container): Promise<AgentProcess> {
    const agent = new AgentProcess(await ExecStream.start(container, ['node', '/opt/tp/agent.cjs']));
    await agent.#next('started');
    return agent;
  }

  private constructor(stream: ExecStream) {
    super();
    this.#stream = stream;
    const decoder = new MessageDecoder();
    stream.on('data', (chunk: Buffer) => {
      for (const message of decoder.push(chunk)) this.emit('event', message as AgentEvent);
    });
    stream.on('error', () => {}); // 'close' follows
    stream.on('close', () => {
      if (this.#ended) return;
      this.#ended = true;
      this.emit(
        'lost',
        new TpError('TP_AGENT_LOST', 'the agent in the network container ended', { hint: stream.stderr }),
      );
    });
  }

  /** Makes the namespace the pod's. Throws TpError. */
  async configure(configuration: Configuration): Promise<void> {
    this.#send({ command: 'configure', ...configuration });
    await this.#next('configured');
  }

  setLocal(network: LocalNetwork): void {
    this.#send({ command: 'local', ...network });
  }

  /**
   * Has connections wait, as the process is about to be ended on purpose. Resolves when none is in the middle of
   * something, or after `limitMs`. Throws TpError.
   */
  async pause(limitMs: number): Promise<void> {
    this.#send({ command: 'pause', limitMs });
    await this.#next('paused');
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
    const answer = this.#next('figures');
    this.#send({ command: 'figures' });
    return (await answer).figures;
  }

  end(): void {
    this.#ended = true;
    this.#stream.destroy();
  }

  #send(command: AgentCommand): void {
    this.#stream.write(encodeMessage(command));
  }

  #next<Name extends AgentEvent['event']>(name: Name): Promise<Extract<AgentEvent, { event: Name }>> {
    return new Promise((resolve, reject) => {
      const settled = () => this.off('event', look).off('lost', lost);
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
      this.on('event', look).on('lost', lost);
    });
  }
}
