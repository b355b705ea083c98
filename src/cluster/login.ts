import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { TpError } from '../errors.ts';
import type { UserEntry } from './kubeconfig.ts';

/** A login that may change while tp runs. */
export interface Login {
  /** Puts what proves the login into a request. Throws TpError. */
  apply(options: RequestOptions): Promise<void>;
  /**
   * The server has not accepted what was applied at `time` (ms of performance.now()). Whether there may be something
   * newer now, so that it is worth trying again.
   */
  renew(time: number): boolean;
}

/** A token in a file that somebody else keeps fresh. A file that cannot be read now leaves the last token in use. */
export class TokenFile implements Login {
  readonly #path: string;
  #token: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async apply(options: RequestOptions): Promise<void> {
    try {
      this.#token = readFileSync(this.#path, 'utf8').trim() || this.#token;
    } catch (cause) {
      if (this.#token === undefined) {
        throw new TpError('TP_KUBECONFIG', `the kubeconfig names ${this.#path}, which cannot be read`, {
          cause,
        });
      }
    }
    setToken(options, this.#token ?? '');
  }

  /** It is read for every request. */
  renew(): boolean {
    return false;
  }
}

export function setToken(options: RequestOptions, token: string): void {
  options.headers = { ...options.headers, Authorization: `Bearer ${token}` };
}

/** Headers by which the user acts as another one. (client-go: transport.NewImpersonatingRoundTripper) */
export function impersonation(user: UserEntry): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  if (!user.as) return headers;
  headers['Impersonate-User'] = user.as;
  if (user['as-uid']) headers['Impersonate-Uid'] = user['as-uid'];
  if (user['as-groups']?.length) headers['Impersonate-Group'] = user['as-groups'];
  for (const [key, values] of Object.entries(user['as-user-extra'] ?? {})) {
    headers[`Impersonate-Extra-${encodeURIComponent(key)}`] = values;
  }
  return headers;
}
