import type { Cluster } from '../cluster/client.ts';
import { missingRights, rightsOf } from '../cluster/preflight.ts';
import { grantCommands, RIGHTS, STRAIGHT_RIGHTS } from '../cluster/role.ts';
import { type Found, failure, ok } from './finding.ts';

/** Whether this login has each verb of the Role, asked for one by one. Throws TpError. */
export async function examineRights(cluster: Cluster): Promise<Found> {
  const { namespace } = cluster;
  const wanted = rightsOf(RIGHTS);
  const missing = await missingRights(cluster, wanted);
  if (missing.length === 0) {
    const slower = await missingRights(cluster, rightsOf(STRAIGHT_RIGHTS));
    const without =
      slower.length > 0 ? `; without ${slower.join(', ')} its link is a slower port-forward` : '';
    return ok(`all ${wanted.length} that a session needs in namespace ${namespace}${without}`);
  }
  return failure(
    `this login may not: ${missing.join(', ')} (namespace ${namespace})`,
    grantCommands(namespace),
  );
}
