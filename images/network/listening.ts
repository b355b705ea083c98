import { REDIRECT_PORT } from './messages.ts';
import type { Listener } from './sock-diag.ts';

/** How often the namespace is looked at (ms): a new listener is seen before a person would notice. */
const POLL_MS = 50;

/** Docker's embedded resolver, 127.0.0.11, which listens in the namespaces of networks with names. */
const DOCKER_RESOLVER = '7f00000b';

/** The ports that the user's processes listen on: without Docker's and our own. */
export const usersPorts = (listeners: readonly Listener[]): number[] =>
  listeners
    .filter(({ address, port }) => address !== DOCKER_RESOLVER && port !== REDIRECT_PORT)
    .map(({ port }) => port);

/** Watches which ports are listened on in the namespace. */
export class ListeningWatch {
  #last = '';
  #ports: readonly number[] = [];
  readonly #list: () => Listener[];
  readonly #onChange: (ports: readonly number[]) => void;

  /** `list` gives the listening sockets of the namespace. */
  constructor(list: () => Listener[], onChange: (ports: readonly number[]) => void) {
    this.#list = list;
    this.#onChange = onChange;
    setInterval(() => this.#look(), POLL_MS);
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  /** Says the ports again at the next look although they may be the same: a connection was refused in between. */
  invalidate(): void {
    this.#last = 'unknown';
  }

  #look(): void {
    const ports = [...new Set(usersPorts(this.#list()))].sort((a, b) => a - b);
    const text = ports.join();
    if (text === this.#last) return;
    this.#last = text;
    this.#ports = ports;
    this.#onChange(ports);
  }
}
