import { accessTo, type Cluster, type ClusterOptions, clusterOf } from '../cluster/client.ts';
import { whoAmI } from '../cluster/whoami.ts';
import { examine, type Finding, ok } from './finding.ts';

/** Whether there is a kubeconfig that names a cluster, and whether that takes the login. */

export interface ClusterExamined {
  findings: Finding[];
  /** Undefined where there is none that answers. */
  cluster: Cluster | undefined;
  /** The API server's. */
  version: string | undefined;
}

export async function examineCluster(options: ClusterOptions): Promise<ClusterExamined> {
  let cluster: Cluster | undefined;
  const kubeconfig = await examine('kubeconfig', async () => {
    const access = accessTo(options);
    cluster = clusterOf(access, options);
    return ok(`context ${access.context}, namespace ${access.namespace}, ${access.server}`);
  });
  const reached = cluster;
  if (!reached) return { findings: kubeconfig, cluster: undefined, version: undefined };
  let version: string | undefined;
  const login = await examine('login', async () => {
    const { user = 'somebody', version: found } = await whoAmI(reached);
    version = found;
    return ok(`as ${user}, Kubernetes ${found}`);
  });
  return {
    findings: [...kubeconfig, ...login],
    cluster: version === undefined ? undefined : reached,
    version,
  };
}
