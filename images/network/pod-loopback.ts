import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { type EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import { parseAddress } from '../address.ts';
import { passOn } from '../pass-on.ts';
import { type PodPort, podPortText } from '../pod-port.ts';
import type { Listener } from './sock-diag.ts';
import { UdpRelay } from './udp.ts';

const LOOPBACK = '127.0.0.1';

/** Loopback's addresses in a namespace, in hex as the kernel gives them. Few namespaces have the second. */
const LOOPBACKS: Readonly<Record<string, string>> = {
  [LOOPBACK]: '7f000001',
  '::1': '00000000000000000000000000000001',
};

/** What a namespace without IPv6 says of its address. */
const NO_SUCH_ADDRESS = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/** A server or socket that listens. */
type Listening = { close(): unknown };

/**
 * Ports of the pod's loopback, where its sidecars listen, at the namespace's own: TCP and UDP. Datagrams have one socket in
 * the pod for each of the namespace's, as many at once as UdpRelay allows.
 */
export class PodLoopback {
  readonly #tunnel: () => Tunnel | undefined;
  readonly #warn: (message: string) => void;
  readonly #relay: UdpRelay;
  /** Where it listens: hex address and port. */
  readonly #own = new Set<string>();
  readonly #udp = new Map<number, UdpSocket>();

  constructor(tunnel: () => Tunnel | undefined, warn: (message: string) => void) {
    this.#tunnel = tunnel;
    this.#warn = warn;
    this.#relay = new UdpRelay(tunnel);
  }

  /**
   * Listens, and gives what it listens with. A port that a process of the namespace has already stays its own, with a
   * warning.
   */
  async listen(ports: readonly PodPort[]): Promise<Listening[]> {
    const attempts = ports.flatMap(({ port, protocol }) =>
      protocol === 'udp'
        ? [this.#listenUdp(port)]
        : Object.keys(LOOPBACKS).map((address) => this.#listenTcp(port, address)),
    );
    return (await Promise.all(attempts)).flat();
  }

  /** The sockets that are not its own. */
  others(listeners: readonly Listener[]): Listener[] {
    return listeners.filter(({ address, port }) => !this.#own.has(`${address} ${port}`));
  }

  async #listenTcp(port: number, address: string): Promise<Listening[]> {
    // Paused: what the process sends waits in its socket until the sidecar has accepted.
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    const server = createServer(options, (socket) => {
      socket.on('error', () => {}); // 'close' follows
      // By name: a sidecar that listens on `localhost` may do so at ::1 only, which the namespace mostly lacks.
      passOn(socket, this.#tunnel(), { kind: 'tcp', host: 'localhost', port });
    });
    if (!(await this.#listens({ port, protocol: 'tcp' }, server, () => server.listen(port, address))))
      return [];
    this.#own.add(`${LOOPBACKS[address]} ${port}`);
    return [server];
  }

  async #listenUdp(port: number): Promise<Listening[]> {
    const socket = createSocket('udp4');
    const to = { address: parseAddress(LOOPBACK), port };
    socket.on('message', (payload, { address, port: from }) => {
      // A socket that sends to several sidecars has one in the pod, too: the answer says from which it is.
      this.#relay.send(from, { ...to, payload }, (answer) => {
        this.#udp.get(answer.port)?.send(answer.payload, from, address);
      });
    });
    if (!(await this.#listens({ port, protocol: 'udp' }, socket, () => socket.bind(port, LOOPBACK))))
      return [];
    this.#udp.set(port, socket);
    socket.on('error', () => {}); // what cannot be sent is lost, as datagrams are
    return [socket];
  }

  async #listens(port: PodPort, socket: EventEmitter, begin: () => void): Promise<boolean> {
    try {
      begin();
      await once(socket, 'listening');
      return true;
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      if (!NO_SUCH_ADDRESS.includes(code))
        this.#warn(`port ${podPortText(port)} does not lead to the pod's sidecars: ${message}`);
      return false;
    }
  }
}
