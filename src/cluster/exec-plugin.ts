import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { createSecureContext } from 'node:tls';
import { TpError } from '../errors.ts';
import type { ClusterEntry, ExecEntry } from './kubeconfig.ts';

/** What a plugin prints to prove a login. */
export interface Credentials {
  token?: string;
  clientCertificateData?: string;
  clientKeyData?: string;
  expirationTimestamp?: string;
}

const API_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/** Where a cluster's entry keeps what is meant for the plugin. */
const EXTENSION = 'client.authentication.k8s.io/exec';

/**
 * A login plugin: a command that the kubeconfig names, and that prints a token or a certificate. It is run as kubectl
 * runs it. (client-go: plugin/pkg/client/auth/exec)
 */
export class ExecPlugin {
  readonly #exec: ExecEntry;
  readonly #command: string;
  readonly #cluster: ClusterEntry;

  /** `cluster` is told to the plugin if it asks for it. Throws TpError when the entry cannot be used. */
  constructor(exec: ExecEntry, cluster: ClusterEntry) {
    this.#exec = exec;
    this.#command = exec.command ?? '';
    this.#cluster = cluster;
    if (!this.#command) throw new TpError('TP_KUBECONFIG', "the kubeconfig's login plugin has no command");
    if (!API_VERSIONS.includes(exec.apiVersion ?? '')) {
      throw this.#failure(
        `speaks ${exec.apiVersion || 'no version'} of the protocol, which is not supported`,
        {
          hint: `in the kubeconfig, the user's exec needs apiVersion: ${API_VERSIONS.join(' or ')}`,
        },
      );
    }
  }

  /** Runs it; `inputIsFree` is whether there is a terminal that it may read from. Throws TpError. */
  async run(inputIsFree: boolean): Promise<Credentials> {
    const interactive = this.#isInteractive(inputIsFree);
    const { args, env } = this.#exec;
    const own = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value ?? '']));
    const child = spawn(this.#command, args ?? [], {
      // What it has to say is for the person: an address to open, a code to type, why it failed.
      stdio: [interactive ? 'inherit' : 'ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...own, KUBERNETES_EXEC_INFO: this.#execInfo(interactive) },
    });
    const kill = () => child.kill();
    process.once('exit', kill);
    try {
      const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
      const [output, [code, signal]] = await Promise.all([text(child.stdout), closed]);
      if (code !== 0)
        throw this.#failure(code === null ? `was ended by ${signal}` : `ended with exit code ${code}`);
      return this.#read(output);
    } catch (cause) {
      if (cause instanceof TpError) throw cause;
      const { code } = cause as NodeJS.ErrnoException;
      throw this.#failure(code === 'ENOENT' ? 'is not installed' : `cannot be run: ${code}`, {
        hint: printable(this.#exec.installHint),
        cause,
      });
    } finally {
      process.off('exit', kill);
    }
  }

  #isInteractive(inputIsFree: boolean): boolean {
    const { interactiveMode = '', apiVersion } = this.#exec;
    const mode = interactiveMode || (apiVersion?.endsWith('v1beta1') ? 'IfAvailable' : '');
    if (mode === 'Never') return false;
    if (mode === 'IfAvailable') return inputIsFree;
    if (mode !== 'Always') {
      throw this.#failure(`has the interactiveMode "${mode}", which is none`, {
        hint: "in the kubeconfig, the user's exec needs interactiveMode: Never, IfAvailable or Always",
      });
    }
    if (inputIsFree) return true;
    throw this.#failure('needs a terminal, and there is none that the container does not use');
  }

  #execInfo(interactive: boolean): string {
    const { apiVersion, provideClusterInfo } = this.#exec;
    const cluster = provideClusterInfo ? { cluster: this.#clusterInfo() } : {};
    return JSON.stringify({ kind: 'ExecCredential', apiVersion, spec: { ...cluster, interactive } });
  }

  #clusterInfo(): Record<string, unknown> {
    const { 'certificate-authority': file, extensions, ...cluster } = this.#cluster;
    const authority = file && readFileSync(file).toString('base64');
    return {
      ...(authority ? { 'certificate-authority-data': authority } : {}),
      ...cluster,
      config: extensions?.find(({ name }) => name === EXTENSION)?.extension ?? null,
    };
  }

  /** What the plugin printed. Throws TpError where that is no login. */
  #read(output: string): Credentials {
    let printed: { kind?: string; apiVersion?: string; status?: Credentials } | null;
    try {
      printed = JSON.parse(output);
    } catch (cause) {
      throw this.#failure('printed no JSON', { cause });
    }
    if (printed?.kind !== 'ExecCredential') throw this.#failure('printed no ExecCredential');
    if (printed.apiVersion !== this.#exec.apiVersion) {
      throw this.#failure(`answers in ${printed.apiVersion}, and was asked in ${this.#exec.apiVersion}`);
    }
    const { token, clientCertificateData: cert, clientKeyData: key } = printed.status ?? {};
    if (!token && !cert && !key) throw this.#failure('printed neither a token nor a certificate');
    if (!cert !== !key) throw this.#failure('printed only one of certificate and key');
    try {
      createSecureContext({ cert, key });
    } catch (cause) {
      throw this.#failure('printed a certificate and a key that do not fit', { cause });
    }
    return { ...printed.status };
  }

  #failure(what: string, { hint, cause }: { hint?: string; cause?: unknown } = {}): TpError {
    return new TpError('TP_LOGIN_PLUGIN', `the login plugin ${this.#command} ${what}`, {
      hint: hint || 'kubectl auth whoami    # asks the same plugin',
      cause,
    });
  }
}

/** The hint comes from a file: it must not move the cursor. */
const printable = (hint = '') => hint.replace(/(?![\n\t])\p{Cc}/gu, '').trim();
