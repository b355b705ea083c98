import { parse } from 'yaml';
import { TpError } from '../errors.ts';
import { ask, type Cluster, statusOf } from './client.ts';

/**
 * The registry that a cluster for development announces (KEP-1755, "Standard for communicating a local registry"): a
 * ConfigMap that every tool may read.
 */
const NAME = 'local-registry-hosting';
const NAMESPACE = 'kube-public';
const KEY = 'localRegistryHosting.v1';

export interface LocalRegistry {
  /** As the user's machine calls it: host and port. */
  host: string;
  /** As the nodes' container runtime calls it. */
  hostFromRuntime: string;
}

interface Hosting {
  host?: string;
  hostFromContainerRuntime?: string;
}

/** Finds the registry that the cluster announces. Throws TpError where it announces none. */
export async function findLocalRegistry({ core }: Cluster): Promise<LocalRegistry> {
  const none = (why: string, cause?: unknown) =>
    new TpError('TP_NO_REGISTRY', `--push-proxy-image: ${why}`, {
      hint: '--proxy-image IMAGE, with one that the nodes can pull',
      cause,
    });
  let text: string | undefined;
  try {
    text = (await core.readNamespacedConfigMap({ name: NAME, namespace: NAMESPACE })).data?.[KEY];
  } catch (error) {
    if (statusOf(error) === 404) throw none('this cluster announces no registry', error);
    if (statusOf(error) === 403) throw none(`this login may not read ConfigMap ${NAMESPACE}/${NAME}`, error);
    return await ask('looking for a registry', Promise.reject(error));
  }
  const { host, hostFromContainerRuntime } = (text === undefined ? {} : hostingOf(text)) as Hosting;
  if (!host) throw none(`ConfigMap ${NAMESPACE}/${NAME} names no host`);
  return { host, hostFromRuntime: hostFromContainerRuntime ?? host };
}

function hostingOf(text: string): unknown {
  try {
    return parse(text) ?? {};
  } catch {
    return {}; // told as one that names no host
  }
}
