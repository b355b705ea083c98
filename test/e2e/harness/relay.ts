import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { parse, stringify } from 'yaml';
import { kubeconfig } from './cluster.ts';

/** The way between the laptop and the API server, on loopback: a network that can be cut. */
export class Relay implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  #cut = false;

  private constructor(host: string, port: number) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = connect({ host, port, allowHalfOpen: true, noDelay: true });
      const pair: [Socket, Socket] = [near, far];
      this.#pairs.add(pair);
      for (const [from, to] of [pair, [far, near] as const]) {
        from.on('error', () => to.destroy());
        from.on('close', () => {
          to.destroy();
          this.#pairs.delete(pair);
        });
      }
      if (!this.#cut) join(pair);
    });
  }

  /** A relay, and in `directory` a kubeconfig that leads through it. */
  static async begin(directory: string): Promise<{ relay: Relay; kubeconfig: string }> {
    const { hostname, port } = apiServer();
    const relay = new Relay(hostname, port);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    const near = (relay.#server.address() as AddressInfo).port;
    return { relay, kubeconfig: kubeconfigThrough(near, directory) };
  }

  /** From now on nothing comes through, and nobody is told: as when a cable is pulled, or a laptop changes its network. */
  cut(): void {
    this.#cut = true;
    for (const [near, far] of this.#pairs) {
      near.unpipe().pause();
      far.unpipe().pause();
    }
  }

  /** The network is back; the connections of before are not. */
  restore(): void {
    this.#cut = false;
    for (const [near, far] of [...this.#pairs]) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.restore();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function join([near, far]: readonly [Socket, Socket]): void {
  near.pipe(far).pipe(near);
}

interface ServerConfig {
  clusters: { cluster: { server: string } }[];
}

/** Where the API server of the test cluster is. */
export function apiServer(): { hostname: string; port: number } {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as ServerConfig;
  const { hostname, port } = new URL(entryOf(config).server);
  return { hostname, port: Number(port) };
}

/** A kubeconfig in `directory` that leads through a port of this machine. */
export function kubeconfigThrough(port: number, directory: string): string {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as ServerConfig;
  entryOf(config).server = `https://127.0.0.1:${port}`;
  const file = `${directory}/kubeconfig`;
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}

function entryOf({ clusters: [entry] }: ServerConfig): { server: string } {
  if (!entry) throw new Error(`${kubeconfig} names no cluster`);
  return entry.cluster;
}
