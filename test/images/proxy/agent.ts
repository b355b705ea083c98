import type { Listeners } from '../../../images/proxy/listeners.ts';
import { ACK_AFTER_MS } from '../../../src/tunnel/limits.ts';
import { encodeMessage } from '../../../src/tunnel/message.ts';
import { decodeRequest, encodeRequest, type StreamRequest } from '../../../src/tunnel/request.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { tunnelPair } from '../../tunnel/tunnel-pair.ts';

/** A stream that the proxy opened to the agent, with what it is for. */
export interface Asked {
  stream: TunnelStream;
  request: StreamRequest;
}

/** An agent as the proxy knows it: its tunnel in memory, and the stream on which it says what is listened on. */
export class Agent {
  readonly asked: Asked[] = [];
  /** What to do with a stream of the proxy; by default it waits in `asked`. */
  onInbound: (asked: Asked) => void = () => {};
  readonly #pair: Awaited<ReturnType<typeof tunnelPair>>;
  readonly #announce: TunnelStream;

  private constructor(pair: Awaited<ReturnType<typeof tunnelPair>>, announce: TunnelStream) {
    this.#pair = pair;
    this.#announce = announce;
  }

  /** Connects an agent, whose announcements `listeners` follow from then on. */
  static async connect(listeners: Listeners): Promise<Agent> {
    const early: [TunnelStream, Buffer][] = [];
    let take = (stream: TunnelStream, request: Buffer) => void early.push([stream, request]);
    const pair = await tunnelPair({ onStream: (stream, request) => take(stream, request) });
    const announce = pair.agent.tunnel.open(encodeRequest({ kind: 'listeners' }));
    announce.on('error', () => {});
    await pair.settle();
    const [first] = early;
    if (!first) throw new Error('the announcements did not arrive');
    const agent = new Agent(pair, announce);
    take = (stream, payload) => {
      const asked = { stream, request: decodeRequest(payload) };
      agent.asked.push(asked);
      agent.onInbound(asked);
    };
    listeners.setAgent(pair.proxy.tunnel);
    listeners.follow(pair.proxy.tunnel, first[0]);
    return agent;
  }

  /** The proxy's end of the tunnel. */
  get tunnel() {
    return this.#pair.proxy.tunnel;
  }

  /** Says which ports are listened on now. */
  say(...ports: unknown[]): Promise<void> {
    return this.write(encodeMessage({ ports }));
  }

  async write(bytes: Buffer): Promise<void> {
    this.#announce.write(bytes);
    await this.#pair.settle();
  }

  get announcing(): boolean {
    return !this.#announce.destroyed;
  }

  /** Nothing is heard of it for `ms`, nor on its way. */
  async silence(ms: number): Promise<void> {
    this.#pair.clock.advance(ACK_AFTER_MS); // it owes the proxy an acknowledgement
    await this.#pair.settle();
    this.#pair.clock.advance(ms);
  }

  /** The link is lost, without a word. */
  cut(): void {
    this.#pair.agent.link.cut();
  }
}
