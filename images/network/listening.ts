import { REDIRECT_PORT } from './messages.ts';
import type { Listener } from './sock-diag.ts';

/** How often the namespace is looked at (ms): a new listener is seen before a person would notice. */
const POLL_MS = 50;

/** How often while a process is known to start, and for how long (ms): callers wait for it. */
const EXPECTING_POLL_MS = 5;
const EXPECTING_MS = 5_000;

/** Docker's embedded resolver, 127.0.0.11, which listens in the namespaces of networks with names. */
const DOCKER_RESOLVER = '7f00000b';

/** The ports that the user's processes listen on: without Docker's and our own. */
export const usersPorts = (listeners: readonly Listener[]): number[] =>
  listeners
    .filter(({ address, port }) => address !== DOCKER_RESOLVER && port !== REDIRECT_PORT)
    .map(({ port }) => port);

/** Addresses in hex at which datagrams to the pod's address arrive: all of IPv4, all of IPv6. */
const EVERYWHERE = new Set(['0'.repeat(8), '0'.repeat(32)]);

/** From here on ports are drawn for clients, whose sockets come and go; only those that are wanted count (ip_local_port_range). */
const CLIENT_PORTS_FROM = 32_768;

/** The ports at which UDP sockets of the user's processes hear what is sent to the pod. */
export function usersUdpPorts(
  sockets: readonly Listener[],
  pod: readonly Buffer[],
  wanted: readonly number[],
): number[] {
  const own = new Set(
    pod.map((each) => each.toString('hex')).flatMap((hex) => [hex, `${'0'.repeat(20)}ffff${hex}`]),
  );
  return sockets
    .filter(({ address }) => EVERYWHERE.has(address) || own.has(address))
    .map(({ port }) => port)
    .filter((port) => port !== 0 && (port < CLIENT_PORTS_FROM || wanted.includes(port)));
}

/** Ports that are listened on: of TCP, and of UDP. */
export interface Listening {
  ports: readonly number[];
  udp: readonly number[];
}

/** Watches which ports are listened on in the namespace. */
export class ListeningWatch {
  #last = '';
  #listening: Listening = { ports: [], udp: [] };
  readonly #list: () => Listening;
  readonly #onChange: (listening: Listening) => void;

  #timer: NodeJS.Timeout | undefined;
  #expectingUntil = 0;

  /** `list` gives the ports that the user's processes listen on. */
  constructor(list: () => Listening, onChange: (listening: Listening) => void) {
    this.#list = list;
    this.#onChange = onChange;
    this.#next();
  }

  get listening(): Listening {
    return this.#listening;
  }

  /** A process starts: says the ports at the next look although they may be the same, and looks more often. */
  expect(): void {
    this.#last = 'unknown';
    this.#expectingUntil = performance.now() + EXPECTING_MS;
    this.#next();
  }

  #next(): void {
    clearTimeout(this.#timer);
    const expecting = performance.now() < this.#expectingUntil;
    this.#timer = setTimeout(() => this.#look(), expecting ? EXPECTING_POLL_MS : POLL_MS);
  }

  #look(): void {
    const { ports, udp } = this.#list();
    const listening = { ports: inOrder(ports), udp: inOrder(udp) };
    const text = `${listening.ports.join()} ${listening.udp.join()}`;
    if (text !== this.#last) {
      this.#last = text;
      this.#listening = listening;
      this.#onChange(listening);
    }
    this.#next();
  }
}

const inOrder = (ports: readonly number[]): number[] => [...new Set(ports)].sort((a, b) => a - b);
