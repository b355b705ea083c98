import type { RequestOptions } from 'node:https';
import { type Credentials, ExecPlugin } from './exec-plugin.ts';
import type { ClusterEntry, ExecEntry } from './kubeconfig.ts';
import { type Login, setToken } from './login.ts';

/** The terminal that tp shares with login plugins. */
export interface Terminal {
  /** Whether stdin is a terminal, and nobody else reads from it now. */
  readonly inputIsFree: boolean;
  /** Keeps tp's own progress off it while `work` runs. */
  lend<T>(work: () => Promise<T>): Promise<T>;
}

/** A login by a plugin: it is asked when there is no login yet, when that expires, and when the server refuses it. */
export class ExecLogin implements Login {
  readonly #plugin: ExecPlugin;
  readonly #terminal: Terminal;
  #current: (Credentials & { since: number }) | undefined;
  #running: Promise<Credentials> | undefined;

  /** Throws TpError when the kubeconfig's entry cannot be used. */
  constructor(exec: ExecEntry, cluster: ClusterEntry, terminal: Terminal) {
    this.#plugin = new ExecPlugin(exec, cluster);
    this.#terminal = terminal;
  }

  async apply(options: RequestOptions): Promise<void> {
    const { token, clientCertificateData, clientKeyData } = await this.#credentials();
    if (token) setToken(options, token);
    if (clientCertificateData) Object.assign(options, { cert: clientCertificateData, key: clientKeyData });
  }

  renew(time: number): boolean {
    // What was got since then by another request has not been tried yet.
    if (this.#current && this.#current.since <= time) this.#current = undefined;
    return true;
  }

  /** Those at hand, or new ones; requests at the same time share one run, as it may ask its person something. */
  async #credentials(): Promise<Credentials> {
    const { expirationTimestamp } = this.#current ?? {};
    const expired = expirationTimestamp && Date.parse(expirationTimestamp) < Date.now();
    if (this.#current && !expired) return this.#current;
    this.#running ??= this.#terminal
      .lend(() => this.#plugin.run(this.#terminal.inputIsFree))
      .then((credentials) => {
        this.#current = { ...credentials, since: performance.now() };
        return credentials;
      })
      .finally(() => {
        this.#running = undefined;
      });
    return await this.#running;
  }
}
