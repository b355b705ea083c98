import type { RequestOptions } from 'node:https';
import tls from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import { TpError } from '../errors.ts';
import type { Access } from './context.ts';
import type { Login } from './login.ts';

/** The name under which the client library finds a `Login`. */
const OWN_LOGIN = 'tp';

/** An access as the client library has it: it reads certificates, knows older logins, and connects through proxies. */
export function libraryConfig(
  { server, cluster, user, proxy }: Access,
  login: Login | undefined,
): KubeConfig {
  const config = new KubeConfig();
  if (login) {
    config.addAuthenticator({
      isAuthProvider: ({ authProvider }) => authProvider?.name === OWN_LOGIN,
      applyAuthentication: (_user, options) => login.apply(options as RequestOptions),
    });
  }
  const secure = server.startsWith('https:');
  config.loadFromOptions({
    clusters: [
      {
        name: 'cluster',
        server,
        // What is in the kubeconfig itself goes before files; the library has it the other way round.
        caData: cluster['certificate-authority-data'],
        caFile: cluster['certificate-authority-data'] ? undefined : cluster['certificate-authority'],
        // Without TLS there is nothing to verify, and the library wants to be told so.
        skipTLSVerify: cluster['insecure-skip-tls-verify'] === true || !secure,
        tlsServerName: cluster['tls-server-name'],
        // kubectl leaves names to the proxy; the library does so only under this scheme.
        proxyUrl: proxy?.url.replace(/^socks5h?:/i, 'socks5h:'),
      },
    ],
    users: [
      {
        name: 'user',
        certData: user['client-certificate-data'],
        certFile: user['client-certificate-data'] ? undefined : user['client-certificate'],
        keyData: user['client-key-data'],
        keyFile: user['client-key-data'] ? undefined : user['client-key'],
        token: login ? undefined : user.token,
        username: user.username,
        password: user.password,
        authProvider: login ? { name: OWN_LOGIN } : user['auth-provider'],
      },
    ],
    contexts: [{ name: 'context', cluster: 'cluster', user: 'user' }],
    currentContext: 'context',
  });
  return config;
}

type Pem = Pick<RequestOptions, 'ca' | 'cert' | 'key'>;

/** Makes the certificates ready for TLS once, for as long as they are the same: it takes some milliseconds. */
export class SecureContexts {
  #made: { pem: Pem; context: tls.SecureContext } | undefined;

  /** Throws TpError where certificate, key or authority are broken: the library's agents would throw it at nobody. */
  of({ ca, cert, key }: Pem): tls.SecureContext {
    const pem = { ca, cert, key };
    if (!this.#made || !isDeepStrictEqual(this.#made.pem, pem))
      this.#made = { pem, context: secureContext(pem) };
    return this.#made.context;
  }
}

function secureContext(pem: Pem): tls.SecureContext {
  try {
    return tls.createSecureContext(pem);
  } catch (cause) {
    const { message } = cause as Error;
    throw new TpError('TP_KUBECONFIG', `a certificate or key of the kubeconfig cannot be used: ${message}`, {
      cause,
    });
  }
}

/**
 * A cluster that names no authority is trusted by those of the machine, as kubectl does; Node by itself knows its own
 * list only. Before 24.5 it cannot be told.
 */
export function trustSystem(): void {
  const known = [...tls.getCACertificates('default'), ...tls.getCACertificates('system')];
  tls.setDefaultCACertificates?.([...new Set(known)]);
}
