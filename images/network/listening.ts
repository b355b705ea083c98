import { readFileSync } from 'node:fs';
import { REDIRECT_PORT } from './messages.ts';

/** How often the namespace is looked at (ms): a new listener is seen before a person would notice. */
const POLL_MS = 50;

const STATE_LISTEN = '0A';

/** Docker's embedded resolver, 127.0.0.11 as /proc writes it. */
const DOCKER_RESOLVER = '0B00007F';

/** The TCP ports in listening state in a /proc/net/tcp or tcp6 (format: proc(5)), without Docker's and our own. */
export function listeningPorts(table: string): number[] {
  const ports: number[] = [];
  for (const line of table.split('\n').slice(1)) {
    const [, at = '', , state] = line.trim().split(/\s+/);
    const [address, hexPort = ''] = at.split(':');
    const port = Number.parseInt(hexPort, 16);
    if (state === STATE_LISTEN && address !== DOCKER_RESOLVER && port !== REDIRECT_PORT) ports.push(port);
  }
  return ports;
}

function tableOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''; // a kernel without IPv6
    throw error;
  }
}

/** Watches which ports are listened on in the namespace. */
export class ListeningWatch {
  #last = '';
  #ports: readonly number[] = [];
  readonly #onChange: (ports: readonly number[]) => void;

  constructor(onChange: (ports: readonly number[]) => void) {
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
    const found = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => listeningPorts(tableOf(path)));
    const ports = [...new Set(found)].sort((a, b) => a - b);
    const text = ports.join();
    if (text === this.#last) return;
    this.#last = text;
    this.#ports = ports;
    this.#onChange(ports);
  }
}
