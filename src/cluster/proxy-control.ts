import type { Duplex } from 'node:stream';
import { TpError } from '../errors.ts';
import type { Answer, Call, Phase, PodView, ProbeResult, ProxyEvent } from '../tunnel/control.ts';
import { duplexLink } from '../tunnel/duplex-link.ts';
import { encodeMessage, MessageDecoder } from '../tunnel/message.ts';
import { encodePreamble } from '../tunnel/preamble.ts';
import { encodeRequest } from '../tunnel/request.ts';
import { Tunnel } from '../tunnel/tunnel.ts';

/** An answer may take this long (ms): the proxy's own limits are shorter. */
const ANSWER_TIMEOUT_MS = 15_000;

/** The CLI's own tunnel to the proxy: asks it, and hears what happens there. */
export class ProxyControl {
  readonly #tunnel: Tunnel;

  private constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
  }

  /** Opens the tunnel over a stream to the proxy. `onLost` hears when it ends by itself. Throws TpError. */
  static async open(
    stream: Duplex,
    token: Buffer,
    session: string,
    onLost: (error: Error) => void,
  ): Promise<ProxyControl> {
    stream.write(encodePreamble(token));
    const tunnel = new Tunnel({
      link: duplexLink(stream),
      role: 'control',
      session,
      dialled: true,
      onClosed: (error) => {
        if (error) onLost(error);
      },
    });
    try {
      await tunnel.ready;
    } catch (cause) {
      throw new TpError('TP_PROXY_UNREACHABLE', `the proxy does not answer: ${(cause as Error).message}`, {
        cause,
      });
    }
    return new ProxyControl(tunnel);
  }

  /** What the pod looks like from inside. */
  describe(): Promise<PodView> {
    return this.#ask<PodView>({ call: 'describe' });
  }

  /** Whether the original pods can be reached from the proxy. */
  probe(ports: number[], udp: number[] = []): Promise<ProbeResult> {
    return this.#ask<ProbeResult>({ call: 'probe', ports, udp });
  }

  /** Has the proxy answer on more ports of the pod. */
  serve(ports: number[], udp: number[] = []): Promise<null> {
    return this.#ask<null>({ call: 'serve', ports, udp });
  }

  setPhase(phase: Phase): Promise<null> {
    return this.#ask<null>({ call: 'phase', phase });
  }

  /** Calls `onEvent` for what happens in the pod from now on. */
  follow(onEvent: (event: ProxyEvent) => void): void {
    const stream = this.#tunnel.open(encodeRequest({ kind: 'events' }));
    const decoder = new MessageDecoder();
    stream.on('error', () => {}); // it goes with the tunnel, whose end is told
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const message of decoder.push(chunk)) onEvent(message as ProxyEvent);
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
  }

  close(): void {
    this.#tunnel.close();
  }

  async #ask<T>(call: Call): Promise<T> {
    let timeout: NodeJS.Timeout | undefined;
    const decoder = new MessageDecoder();
    try {
      const stream = this.#tunnel.open(encodeRequest({ kind: 'call' }));
      stream.on('error', () => {}); // told by the loop
      timeout = setTimeout(() => stream.destroy(new Error('no answer in time')), ANSWER_TIMEOUT_MS);
      stream.end(encodeMessage(call));
      for await (const chunk of stream) {
        for (const message of decoder.push(chunk as Buffer)) {
          const answer = message as Answer<T>;
          if ('error' in answer) throw new Error(answer.error);
          return answer.result;
        }
      }
      throw new Error('it ended without an answer');
    } catch (cause) {
      const message = `the proxy did not answer (${call.call}): ${(cause as Error).message}`;
      throw new TpError('TP_PROXY_UNREACHABLE', message, { cause });
    } finally {
      clearTimeout(timeout);
    }
  }
}
