import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Answer, Call, Phase, PodView, ProbeResult, ProxyEvent } from '../../src/tunnel/control.ts';
import { ResetCode } from '../../src/tunnel/errors.ts';
import { encodeMessage, MessageDecoder } from '../../src/tunnel/message.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { hostAliasesOf } from '../hosts-file.ts';
import type { Fallback } from './fallback.ts';

/** One dial of the probe may take this long (ms): longer than a lost SYN's first retransmission. */
const PROBE_LIMIT_MS = 3_000;

/** Events that wait for a watcher that does not read; more are dropped, they are news and not state. */
const MAX_EVENT_BACKLOG_BYTES = 64 * 1024;

export interface ControlOptions {
  environment: Record<string, string>;
  addresses: string[];
  fallback: Fallback | undefined;
  onPhase(phase: Phase): void;
  /** Listens on more ports of the pod. Rejects where that is not possible. */
  onServe(ports: number[], udp: number[]): Promise<void>;
}

/** Answers one call on its stream. */
export function serveCall(stream: TunnelStream, options: ControlOptions): void {
  const decoder = new MessageDecoder();
  stream.accept();
  stream.on('error', () => {}); // the caller has gone
  stream.on('data', (chunk: Buffer) => {
    try {
      for (const message of decoder.push(chunk)) {
        void respond(message as Call, options)
          .catch((error: Error): Answer<never> => ({ error: error.message }))
          .then((answer) => stream.end(encodeMessage(answer)));
      }
    } catch (error) {
      stream.reset(ResetCode.badRequest, (error as Error).message);
    }
  });
}

async function respond(call: Call, options: ControlOptions): Promise<Answer<unknown>> {
  switch (call?.call) {
    case 'describe': {
      const { environment, addresses } = options;
      const resolvConf = readFileSync('/etc/resolv.conf', 'utf8');
      const hostAliases = hostAliasesOf(readFileSync('/etc/hosts', 'utf8'));
      return {
        result: { environment, addresses, hostname: hostname(), resolvConf, hostAliases } satisfies PodView,
      };
    }
    case 'probe':
      return { result: await probe(options.fallback, call.ports, call.udp ?? []) };
    case 'serve':
      await options.onServe(call.ports, call.udp ?? []);
      return { result: null };
    case 'phase':
      options.onPhase(call.phase);
      return { result: null };
    default:
      return { error: 'an unknown call' };
  }
}

async function probe(fallback: Fallback | undefined, ports: number[], udp: number[]): Promise<ProbeResult> {
  const silence = await fallback?.heardOf();
  if (silence) {
    const { message: failure } = silence;
    return [
      ...udp.map((port) => ({ port, protocol: 'UDP' as const, failure })),
      ...ports.map((port) => ({ port, failure })),
    ];
  }
  // A datagram says nothing of who heard it: that there are pods has to do.
  const found = async (port: number) => {
    try {
      if (!fallback) throw new Error('there is no fallback');
      await fallback.candidates('');
      return { port, protocol: 'UDP' as const };
    } catch (error) {
      return { port, protocol: 'UDP' as const, failure: (error as Error).message };
    }
  };
  return await Promise.all([
    ...udp.map(found),
    ...ports.map(async (port) => {
      try {
        if (!fallback) throw new Error('there is no fallback');
        const socket = await fallback.dial(port, '', AbortSignal.timeout(PROBE_LIMIT_MS), PROBE_LIMIT_MS);
        socket.destroy();
        return { port };
      } catch (error) {
        return { port, failure: (error as Error).message };
      }
    }),
  ]);
}

/** Tells what happens to every stream that asked for events. */
export class EventFeed {
  readonly #streams = new Set<TunnelStream>();

  add(stream: TunnelStream): void {
    stream.accept();
    this.#streams.add(stream);
    stream.on('error', () => {}); // 'close' follows
    stream.on('close', () => this.#streams.delete(stream));
    stream.resume();
  }

  tell(event: ProxyEvent): void {
    for (const stream of this.#streams) {
      if (stream.writableLength < MAX_EVENT_BACKLOG_BYTES) stream.write(encodeMessage(event));
    }
  }
}
