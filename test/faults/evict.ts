import { kubectlArguments, withInput } from '../e2e/harness/cluster.ts';

/** What `kubectl drain` does to each pod of a node. */
export async function evict(name: string): Promise<void> {
  const [program, prefix] = kubectlArguments;
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'default' } };
  const path = `/api/v1/namespaces/default/pods/${name}/eviction`;
  await withInput(program, [...prefix, 'create', '--raw', path, '-f', '-'], JSON.stringify(body));
}
