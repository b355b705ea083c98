import type { Cluster } from '../cluster/client.ts';
import { findRoom } from '../cluster/room.ts';
import { type Found, failure, ok, skipped } from './finding.ts';

/** Whether quotas and limits of the namespace leave room for a session. Throws TpError. */
export async function examineRoom(cluster: Cluster): Promise<Found[]> {
  const { namespace } = cluster;
  const { quotas, limitRanges, lacking } = await findRoom(cluster);
  if (lacking.length > 0) {
    return lacking.map(({ kind, name, why }) =>
      failure(`${kind} ${name}: ${why}`, `kubectl -n ${namespace} describe ${kind} ${name}`),
    );
  }
  const unread = [...(quotas ? [] : ['ResourceQuotas']), ...(limitRanges ? [] : ['LimitRanges'])].join(
    ' and ',
  );
  const read = [...(quotas ?? []), ...(limitRanges ?? [])];
  const fits = read.length > 0 ? `there is room in ${read.join(', ')}` : 'there are none';
  if (unread === '') return [ok(fits)];
  return [skipped(`${read.length > 0 ? `${fits}; ` : ''}this login may not list ${unread}`)];
}
