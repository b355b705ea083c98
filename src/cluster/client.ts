import {
  ApiException,
  AppsV1Api,
  AuthorizationV1Api,
  AutoscalingV2Api,
  CoreV1Api,
  KubeConfig,
  PolicyV1Api,
} from '@kubernetes/client-node';
import { TpError } from '../errors.ts';

/** A namespace of a cluster, with the credentials to work in it. */
export interface Cluster {
  config: KubeConfig;
  context: string;
  namespace: string;
  core: CoreV1Api;
  apps: AppsV1Api;
  policy: PolicyV1Api;
  autoscaling: AutoscalingV2Api;
  authorization: AuthorizationV1Api;
}

export interface ClusterOptions {
  context?: string | undefined;
  namespace?: string | undefined;
}

/** Reads the kubeconfig as kubectl does. Throws TpError where that fails. */
export function readKubeconfig(): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch (cause) {
    throw new TpError('TP_KUBECONFIG', `the kubeconfig cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
  return config;
}

/** A context of the kubeconfig, ready to work in. Throws TpError where it names no cluster or not this context. */
export function connectCluster({ context, namespace }: ClusterOptions): Cluster {
  const config = readKubeconfig();
  if (context !== undefined) {
    const known = config.getContexts().map(({ name }) => name);
    if (!known.includes(context)) {
      throw new TpError('TP_NO_CONTEXT', `the kubeconfig has no context "${context}"`, {
        hint: known.map((name) => `--context ${name}`).join('\n') || 'kubectl config get-contexts',
      });
    }
    config.setCurrentContext(context);
  }
  // Without any configuration the client library makes up a server on localhost, as old kubectl did.
  const server = config.getCurrentCluster()?.server;
  if (!server || server === 'http://localhost:8080') {
    throw new TpError('TP_NO_CLUSTER', 'no cluster is configured', {
      hint: 'kubectl config get-contexts; kubectl config use-context NAME\nor: export KUBECONFIG=FILE',
    });
  }
  const current = config.getContextObject(config.getCurrentContext());
  return {
    config,
    context: config.getCurrentContext(),
    namespace: namespace ?? current?.namespace ?? 'default',
    core: config.makeApiClient(CoreV1Api),
    apps: config.makeApiClient(AppsV1Api),
    policy: config.makeApiClient(PolicyV1Api),
    autoscaling: config.makeApiClient(AutoscalingV2Api),
    authorization: config.makeApiClient(AuthorizationV1Api),
  };
}

/** The HTTP status of an error of the Kubernetes API; undefined for every other error. */
export const statusOf = (error: unknown): number | undefined =>
  error instanceof ApiException ? error.code : undefined;

/** What the API server said, without the client library's wrapping. */
export function messageOf(error: unknown): string {
  if (!(error instanceof ApiException)) return error instanceof Error ? error.message : String(error);
  const body: unknown = error.body;
  if (typeof body === 'object' && body !== null && 'message' in body) return String(body.message);
  if (typeof body !== 'string') return error.message;
  try {
    return String((JSON.parse(body) as { message?: string }).message ?? body);
  } catch {
    return body.trim() || error.message;
  }
}

/** Runs one request. `what` says what it is for, in the error that a person sees. Throws TpError. */
export async function ask<T>(what: string, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw explain(what, error);
  }
}

function explain(what: string, cause: unknown): Error {
  if (cause instanceof TpError) return cause;
  const status = statusOf(cause);
  const message = messageOf(cause);
  if (status === 401) {
    return new TpError('TP_LOGIN_EXPIRED', `${what}: the cluster does not accept this login any more`, {
      cause,
      hint: 'log in again as for kubectl, then: kubectl auth whoami',
    });
  }
  if (status === 403) {
    return new TpError('TP_FORBIDDEN', `${what}: ${message}`, {
      cause,
      hint: 'the Role that tp needs is in docs/rights.md',
    });
  }
  if (status !== undefined) return new TpError('TP_CLUSTER_REFUSED', `${what}: ${message}`, { cause });
  const why = reasonOf(cause) || message;
  return new TpError('TP_CLUSTER_UNREACHABLE', `${what}: the cluster does not answer: ${why}`, {
    cause,
    hint: 'kubectl cluster-info',
  });
}

/** The system's error code under what HTTP clients wrap around it; where there is none, the innermost words. */
function reasonOf(error: unknown): string {
  let words = '';
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as NodeJS.ErrnoException;
    if (typeof code === 'string') return code;
    if (each instanceof AggregateError) return reasonOf(each.errors[0]);
    words = each.message;
  }
  return words;
}
