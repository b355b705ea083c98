import type { Cluster } from '../cluster/client.ts';
import { missingRights, rightsOf } from '../cluster/preflight.ts';
import { grantCommands, RIGHTS } from '../cluster/role.ts';
import { type Found, failure, ok } from './finding.ts';

/** Whether this login has each verb of the Role, asked for one by one. Throws TpError. */
export async function examineRights(cluster: Cluster): Promise<Found> {
  const { namespace } = cluster;
  const wanted = rightsOf(RIGHTS);
  const missing = await missingRights(cluster, wanted);
  if (missing.length === 0) return ok(`all ${wanted.length} that a session needs in namespace ${namespace}`);
  return failure(
    `this login may not: ${missing.join(', ')} (namespace ${namespace})`,
    grantCommands(namespace),
  );
}
