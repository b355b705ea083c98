import { TpError } from '../errors.ts';
import { ask, type Cluster, statusOf } from './client.ts';

/**
 * Throws TpError, TP_NAMESPACE_ENDS, where the namespace is being deleted or is gone. Who may only work in a namespace may
 * mostly not read it: it is asked for what the session may do anyway, to create a ConfigMap, but nothing is made.
 */
export async function assertNamespaceStays({ core, namespace }: Cluster): Promise<void> {
  const what = `trying whether anything can be made in namespace ${namespace}`;
  const body = { metadata: { generateName: 'tp-' } };
  try {
    await ask(what, core.createNamespacedConfigMap({ namespace, body, dryRun: 'All' }));
  } catch (error) {
    const { cause, code } = error as TpError;
    if (code === 'TP_NAMESPACE_ENDS') throw error;
    if (statusOf(cause) === 404) {
      throw new TpError('TP_NAMESPACE_ENDS', `namespace ${namespace} is gone`, { cause });
    }
    // Whatever else is in the way, a quota or an API server that restarts, says nothing about the namespace.
  }
}
