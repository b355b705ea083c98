import {
  ApiException,
  AppsV1Api,
  AuthorizationV1Api,
  AutoscalingV2Api,
  BatchV1Api,
  CoordinationV1Api,
  CoreV1Api,
  DiscoveryV1Api,
  PolicyV1Api,
  RbacAuthorizationV1Api,
} from '@kubernetes/client-node';
import { TpError } from '../errors.ts';
import { ApiClient } from './api-client.ts';
import { type Access, chooseAccess } from './context.ts';
import { ExecLogin, type Terminal } from './exec-login.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { type Login, TokenFile } from './login.ts';
import { admissionRefusal } from './refusal.ts';

/** A namespace of a cluster, with the credentials to work in it. */
export interface Cluster {
  api: ApiClient;
  context: string;
  namespace: string;
  /** What it was asked for with, to reach another context in the same way. */
  options: ClusterOptions;
  core: CoreV1Api;
  apps: AppsV1Api;
  policy: PolicyV1Api;
  discovery: DiscoveryV1Api;
  autoscaling: AutoscalingV2Api;
  batch: BatchV1Api;
  authorization: AuthorizationV1Api;
  coordination: CoordinationV1Api;
  rbac: RbacAuthorizationV1Api;
}

export interface ClusterOptions {
  kubeconfig?: string | undefined;
  context?: string | undefined;
  namespace?: string | undefined;
  /** For login plugins that ask their person something. */
  terminal: Terminal;
}

/**
 * Reads the kubeconfig and the environment as kubectl does; the cluster is not asked anything yet. Throws TpError where
 * they name no cluster, not this context, or what cannot be used.
 */
export function connectCluster(options: ClusterOptions): Cluster {
  return clusterOf(accessTo(options), options);
}

/** How the cluster would be reached. Throws TpError as `connectCluster` does. */
export const accessTo = (options: Omit<ClusterOptions, 'terminal'>): Access =>
  chooseAccess(readKubeconfig(options.kubeconfig, process.env), options, process.env);

/** The cluster that is reached so. Throws TpError for an access that cannot be used. */
export function clusterOf(access: Access, options: ClusterOptions): Cluster {
  const { context, namespace } = access;
  const api = new ApiClient(access, changingLogin(access, options.terminal));
  const { configuration } = api;
  return {
    api,
    context,
    namespace,
    options,
    core: new CoreV1Api(configuration),
    apps: new AppsV1Api(configuration),
    policy: new PolicyV1Api(configuration),
    discovery: new DiscoveryV1Api(configuration),
    batch: new BatchV1Api(configuration),
    autoscaling: new AutoscalingV2Api(configuration),
    authorization: new AuthorizationV1Api(configuration),
    coordination: new CoordinationV1Api(configuration),
    rbac: new RbacAuthorizationV1Api(configuration),
  };
}

/** The login that may change while tp runs. A fixed one beside a plugin goes before it. */
function changingLogin({ user, cluster }: Access, terminal: Terminal): Login | undefined {
  if (user.tokenFile) return new TokenFile(user.tokenFile);
  const certificate = user['client-certificate'] || user['client-certificate-data'];
  if (!user.exec || user.token || user.username || certificate) return undefined;
  return new ExecLogin(user.exec, cluster, terminal);
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

export const LOGIN_HINT = 'log in again as for kubectl, then: kubectl auth whoami';

function explain(what: string, cause: unknown): Error {
  if (cause instanceof TpError) return cause;
  const status = statusOf(cause);
  const message = messageOf(cause);
  if (status === 401) {
    return new TpError('TP_LOGIN_EXPIRED', `${what}: the cluster does not accept this login any more`, {
      cause,
      hint: LOGIN_HINT,
    });
  }
  const admission = status === undefined ? undefined : admissionRefusal(what, message, cause);
  if (admission) return admission;
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
