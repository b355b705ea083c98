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

/** Watches which ports are listened on in the namespace. */
export class ListeningWatch {
  #last = '';
  #ports: readonly number[] = [];
  readonly #list: () => Listener[];
  readonly #onChange: (ports: readonly number[]) => void;

  #timer: NodeJS.Timeout | undefined;
  #expectingUntil = 0;

  /** `list` gives the listening sockets of the namespace. */
  constructor(list: () => Listener[], onChange: (ports: readonly number[]) => void) {
    this.#list = list;
    this.#onChange = onChange;
    this.#next();
  }

  get ports(): readonly number[] {
    return this.#ports;
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
    const ports = [...new Set(usersPorts(this.#list()))].sort((a, b) => a - b);
    const text = ports.join();
    if (text !== this.#last) {
      this.#last = text;
      this.#ports = ports;
      this.#onChange(ports);
    }
    this.#next();
  }
}
