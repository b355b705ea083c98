import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { TpError } from '../errors.ts';
import type { ClusterEntry, Kubeconfig, UserEntry } from './kubeconfig.ts';
import { proxyFromEnvironment } from './proxy-environment.ts';

/** One cluster and one login to it, complete. */
export interface Access {
  context: string;
  namespace: string;
  /** Where the API server is, with its path and without a slash at the end. */
  server: string;
  cluster: ClusterEntry;
  user: UserEntry;
  /** The proxy on the way, and what names it. */
  proxy?: { url: string; namedBy: string };
}

export interface ContextOptions {
  context?: string | undefined;
  namespace?: string | undefined;
}

/** What a pod finds about its own cluster. (client-go: rest.InClusterConfig) */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The access that a context gives: the one that is named, else the current one; in a pod without any kubeconfig the
 * pod's own. Throws TpError where there is none, or where it cannot be used.
 */
export function chooseAccess(
  kubeconfig: Kubeconfig,
  { context: named, namespace }: ContextOptions,
  env: NodeJS.ProcessEnv,
  serviceAccount = SERVICE_ACCOUNT,
): Access {
  const context = named || kubeconfig.currentContext;
  const entry = kubeconfig.contexts.get(context);
  if (!entry && context) {
    const known = [...kubeconfig.contexts.keys()];
    throw new TpError('TP_NO_CONTEXT', `the kubeconfig has no context "${context}"`, {
      hint: known.map((name) => `--context ${name}`).join('\n') || 'kubectl config get-contexts',
    });
  }
  const own = entry ? undefined : inCluster(env, serviceAccount);
  const cluster = own?.cluster ?? kubeconfig.clusters.get(entry?.cluster ?? '');
  if (!cluster?.server) {
    const missing = kubeconfig.missing.map((path) => `${path} does not exist`).join(', ');
    const lacking = `context "${context}" names cluster "${entry?.cluster}", which is not configured`;
    const why = entry ? lacking : `no cluster is configured${missing && `: ${missing}`}`;
    throw new TpError('TP_NO_CLUSTER', why, {
      hint: 'kubectl config get-contexts; kubectl config use-context NAME\nor: export KUBECONFIG=FILE',
    });
  }
  const server = completeServer(cluster, cluster.server);
  // kubectl, too, shows no login to a server without TLS; an unknown user is none.
  const login = own?.user ?? kubeconfig.users.get(entry?.user ?? '') ?? {};
  const user = server.startsWith('https:') ? login : {};
  checkFiles(cluster, user);
  const proxy = findProxy(cluster, server, env);
  return {
    context: own ? 'in-cluster' : context,
    namespace: namespace || entry?.namespace || own?.namespace || 'default',
    server,
    cluster,
    user,
    ...(proxy ? { proxy } : {}),
  };
}

/** A server may be named without its scheme. (client-go: rest.DefaultServerURL) */
function completeServer(cluster: ClusterEntry, server: string): string {
  const secure =
    cluster['certificate-authority'] ||
    cluster['certificate-authority-data'] ||
    cluster['insecure-skip-tls-verify'];
  const complete = /^https?:\/\//.test(server) ? server : `${secure ? 'https' : 'http'}://${server}`;
  const url = URL.parse(complete);
  if (!url) throw new TpError('TP_KUBECONFIG', `the kubeconfig's server "${server}" is no URL`);
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** A certificate that cannot be read would look like a cluster that does not answer. */
function checkFiles(cluster: ClusterEntry, user: UserEntry): void {
  const files = [cluster['certificate-authority'], user['client-certificate'], user['client-key']];
  for (const path of files) {
    if (!path) continue;
    try {
      accessSync(path, constants.R_OK);
    } catch (cause) {
      throw new TpError('TP_KUBECONFIG', `the kubeconfig names ${path}, which cannot be read`, { cause });
    }
  }
}

/** Proxies that can be spoken to; socks5h is what socks5 is to kubectl. */
const PROXY_SCHEMES = /^(https?|socks5h?):\/\//i;

function findProxy(cluster: ClusterEntry, server: string, env: NodeJS.ProcessEnv): Access['proxy'] {
  const own = cluster['proxy-url'];
  const fromEnvironment = own ? undefined : proxyFromEnvironment(server, env);
  const url = own || fromEnvironment?.url;
  if (!url) return undefined;
  const namedBy = fromEnvironment?.variable ?? 'proxy-url';
  if (!PROXY_SCHEMES.test(url) || !URL.canParse(url)) {
    throw new TpError('TP_KUBECONFIG', `${namedBy}: "${url}" is no proxy that tp can use`, {
      hint: 'http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT',
    });
  }
  return { url, namedBy };
}

function inCluster(
  env: NodeJS.ProcessEnv,
  folder: string,
): { cluster: ClusterEntry; user: UserEntry; namespace?: string } | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  const tokenFile = `${folder}/token`;
  if (!host || !port || !existsSync(tokenFile)) return undefined;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const file = `${folder}/namespace`;
  return {
    cluster: { server, 'certificate-authority': `${folder}/ca.crt` },
    user: { tokenFile },
    ...(existsSync(file) ? { namespace: readFileSync(file, 'utf8').trim() } : {}),
  };
}
