import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { embedded } from '../test/e2e/harness/cluster.ts';

/** `kubectl port-forward`, the way that everybody has. */

/** kubectl itself: for its time to start, the script around the embedded one must not count. */
const BUILD =
  process.env.TPCLUSTER_BUILD ?? `${process.env.XDG_CACHE_HOME ?? `${process.env.HOME}/.cache`}/tpcluster`;
const [PROGRAM, PREFIX] = embedded ? [`${BUILD}/kubenode`, ['kubectl']] : ['kubectl', []];

export class PortForward implements AsyncDisposable {
  readonly #child;
  readonly #exited: Promise<unknown>;
  #stderr = '';
  base = '';

  constructor(pod: string, port: number, kubeconfig: string) {
    const args = [...PREFIX, '--kubeconfig', kubeconfig, 'port-forward', `pod/${pod}`, `:${port}`];
    this.#child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exited = once(this.#child, 'close');
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString('utf8');
    });
  }

  /** Waits for the first answer through it. */
  async answers(): Promise<void> {
    const lines = createInterface(this.#child.stdout);
    for await (const line of lines) {
      const address = /^Forwarding from (127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (!address) continue;
      this.base = `http://${address}`;
      break;
    }
    this.#child.stdout.resume(); // it says a line for each connection
    if (!this.base) throw new Error(`kubectl port-forward: ${this.#stderr}`);
    const [response] = (await once(http.get(`${this.base}/healthz`, { agent: false }), 'response')) as [
      http.IncomingMessage,
    ];
    response.resume();
    if (response.statusCode !== 200) throw new Error(`kubectl port-forward: status ${response.statusCode}`);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it complained about. */
  get complaints(): string {
    return this.#stderr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill();
    await this.#exited;
  }
}
