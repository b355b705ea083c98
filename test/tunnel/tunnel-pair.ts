import type { TunnelError } from '../../src/tunnel/errors.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { Tunnel } from '../../src/tunnel/tunnel.ts';
import { ScriptedClock } from './clock.ts';
import { type LinkScript, linkPair, type ScriptedLink, settle } from './link-pair.ts';

/** One end of a pair: its tunnel, its link, and what the tunnel told. */
export interface End {
  tunnel: Tunnel;
  link: ScriptedLink;
  /** Streams the peer opened, unless a handler takes them. */
  streams: TunnelStream[];
  /** What `onClosed` was called with, each time. */
  closed: (TunnelError | undefined)[];
}

export interface TunnelPair {
  clock: ScriptedClock;
  /** The end that dialled. */
  agent: End;
  proxy: End;
  settle(): Promise<void>;
}

export interface PairOptions extends LinkScript {
  onStream?: (stream: TunnelStream, request: Buffer) => void;
  session?: string;
}

/** Two tunnels that have met, over a link in memory. */
export async function tunnelPair({ onStream, session, ...script }: PairOptions = {}): Promise<TunnelPair> {
  const clock = new ScriptedClock();
  const [near, far] = linkPair({ clock, ...script });
  const end = (link: ScriptedLink, role: 'agent' | 'proxy', dialled: boolean): End => {
    const streams: TunnelStream[] = [];
    const closed: (TunnelError | undefined)[] = [];
    const tunnel = new Tunnel({
      link,
      role,
      dialled,
      clock,
      session: dialled ? (session ?? 'test') : undefined,
      onStream: onStream ?? ((stream) => streams.push(stream)),
      onClosed: (error) => closed.push(error),
    });
    return { tunnel, link, streams, closed };
  };
  const proxy = end(far, 'proxy', false);
  const agent = end(near, 'agent', true);
  const pair = { clock, agent, proxy, settle: () => settle(near, far) };
  if (!script.delayMs) await Promise.all([agent.tunnel.ready, proxy.tunnel.ready]);
  return pair;
}

/** A stream from agent to proxy, accepted: both of its ends. */
export async function openStream(pair: TunnelPair): Promise<[TunnelStream, TunnelStream]> {
  const near = pair.agent.tunnel.open(Buffer.from('{}'));
  await pair.settle();
  const far = pair.proxy.streams.find(({ id }) => id === near.id);
  if (!far) throw new Error('the stream did not arrive');
  far.accept();
  await pair.settle();
  return [near, far];
}
