import { createServer, type Server, type Socket } from 'node:net';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import { plainAddress } from '../address.ts';
import { passOn } from '../pass-on.ts';
import { splice } from '../splice.ts';
import type { HeldSyns } from './held-syns.ts';
import { FAMILIES } from './ip.ts';
import { REDIRECT_PORT } from './messages.ts';
import { originalDestination } from './native.ts';

/**
 * Takes the connections that the namespace opens towards the cluster. Those that were held until the peer accepted have
 * their stream already; the others the proxy dials now. Not listening yet.
 */
export function redirectServer(tunnel: () => Tunnel | undefined, held: HeldSyns): Server {
  // Paused: what the process sends waits in its socket until the peer has accepted.
  return createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {}); // 'close' follows
    const to = destinationOf(socket);
    const accepted = to && held.claim({ ...sourceOf(socket), ...to });
    if (accepted) return void splice(socket, accepted);
    if (!to || to.port === 0 || isItself(to)) {
      socket.resetAndDestroy();
      return;
    }
    const told = (accepted: boolean) => held.learn(to, accepted);
    passOn(socket, tunnel(), { kind: 'tcp', ...to }, { told, early: held.acceptedLately(to) });
  });
}

/** Whether it came here by itself: to a redirected one its destination was never our own. */
const isItself = ({ host, port }: { host: string; port: number }) =>
  port === REDIRECT_PORT && FAMILIES.some(({ loopback }) => host === loopback);

const sourceOf = ({ remoteAddress, remotePort }: Socket) => ({
  source: plainAddress(remoteAddress ?? ''),
  sourcePort: remotePort ?? 0,
});

/** Where the connection was going; undefined when it has ended already. */
function destinationOf(socket: Socket): { host: string; port: number } | undefined {
  try {
    return originalDestination(socket);
  } catch {
    return undefined; // nothing is known of it, so it is cut
  }
}
