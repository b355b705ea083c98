import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { duplexLink } from '../../src/tunnel/duplex-link.ts';
import { CloseCode } from '../../src/tunnel/errors.ts';
import { encodeMessage } from '../../src/tunnel/message.ts';
import { encodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { Tunnel } from '../../src/tunnel/tunnel.ts';
import type { AgentEvent, Configuration } from './messages.ts';

/** How often a tunnel that was left is looked at (ms). */
const RETIRED_CHECK_MS = 500;

export interface AgentTunnelOptions {
  /** Takes a stream of the proxy, with its request. */
  onStream(stream: TunnelStream, request: Buffer): void;
  /** Another tunnel has taken this one's place. */
  onRetired(old: Tunnel): void;
  /** What the proxy is to know of the ports; undefined where nothing is known yet. */
  announcement(): object | undefined;
  tell(event: AgentEvent): void;
}

/** The agent's tunnel to the proxy, over one link after the other; and that to the pod that takes the proxy's place. */
export class AgentTunnel {
  readonly #options: AgentTunnelOptions;
  #current: Tunnel | undefined;
  /** Tells the proxy the ports. */
  #announce: TunnelStream | undefined;
  /** The next link leads to another pod, while the tunnel to this one still works. */
  #moving = false;
  /** The link that came last. */
  #latest: Socket | undefined;
  /** Whether the CLI has heard of the tunnel's link that it is up. */
  #told = false;

  constructor(options: AgentTunnelOptions) {
    this.#options = options;
  }

  get current(): Tunnel | undefined {
    return this.#current;
  }

  /** A link goes on with the tunnel that waits for one; without such, or on a proxy that knows nothing of it, one begins. */
  join(socket: Socket, { session, resumeLimitMs }: Configuration): void {
    const { onStream, tell } = this.#options;
    this.#latest = socket;
    if (this.#current && !this.#moving) {
      this.#told = false;
      return this.#current.resume(duplexLink(socket));
    }
    let met = false;
    const next: Tunnel = new Tunnel({
      link: duplexLink(socket),
      role: 'agent',
      // A name of its own: another pod, which knows nothing of the last tunnel, begins with it.
      session: `${session}-${randomBytes(4).toString('hex')}`,
      dialled: true,
      resumable: () => true,
      resumeLimitMs,
      onStream,
      onLink: (state, why) => {
        if (this.#current !== next || this.#moving) return; // the next pod's is waited for
        if (state === 'down') tell({ event: 'unlinked', reason: why?.message ?? 'closed', kept: true });
        else if (state === 'up' && !this.#told) tell({ event: 'linked', resumed: true });
        this.#told = state !== 'down' && (this.#told || state === 'up');
      },
      onClosed: (error) => {
        if (met && this.#current !== next) return; // another one took its place
        if (met) this.#current = undefined;
        // While another is waited for, an old one's end is no news; nor is that of a link which a later one overtook.
        if (met ? this.#moving : this.#latest !== socket) return;
        const kept = this.#current !== undefined;
        tell({ event: 'unlinked', reason: error?.message ?? 'closed', kept });
      },
    });
    next.ready.then(
      () => {
        met = true;
        this.#take(next);
      },
      () => {}, // onClosed tells
    );
  }

  /** Goes over to a tunnel whose proxy has answered: until then connections go by the old one, or find none. */
  #take(next: Tunnel): void {
    const old = this.#current;
    this.#moving = false;
    this.#current = next;
    this.#told = true;
    if (old) this.#retire(old);
    this.#announce = next.open(encodeRequest({ kind: 'listeners' }));
    this.#announce.on('error', () => {}); // it goes with its tunnel
    this.announce();
    this.#options.tell({ event: 'linked', resumed: false });
  }

  /** A tunnel whose pod is ending keeps its connections until they are done, or the pod is. */
  #retire(old: Tunnel): void {
    this.#options.onRetired(old);
    const look = () => {
      // The announcement of ports is a stream too.
      if (old.linked && old.streams > 1) return;
      clearInterval(timer);
      old.close(CloseCode.superseded, 'another link took over');
    };
    const timer = setInterval(look, RETIRED_CHECK_MS);
    look();
  }

  /** Tells the proxy the ports, if there is one. */
  announce(): void {
    const announcement = this.#options.announcement();
    if (announcement && this.#announce && !this.#announce.destroyed)
      this.#announce.write(encodeMessage(announcement));
  }

  /** The next link leads to another pod. */
  move(): void {
    this.#moving = true;
  }

  /**
   * The CLI has gone. Where it ended in good order its wire still carries a last word, so that the proxy does not wait for
   * another link. Calls `over` then, or at once.
   */
  end(over: () => void): void {
    if (!this.#latest || this.#latest.destroyed || !this.#current) return over();
    this.#latest.once('close', over);
    this.#current.close();
  }
}
