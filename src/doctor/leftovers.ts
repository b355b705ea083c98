import type { Cluster } from '../cluster/client.ts';
import type { Docker } from '../docker/connect.ts';
import { mayLive, ownOwner } from '../labels.ts';
import { findSessions, type Remains } from '../leave.ts';
import { type Found, ok, skipped, warning } from './finding.ts';

/** Whether a session of this machine died and left something, on either side that answers. Throws TpError. */
export async function examineLeftovers(
  docker: Docker | undefined,
  cluster: Cluster | undefined,
): Promise<Found[]> {
  if (!docker && !cluster) return [skipped('neither Docker nor the cluster answers')];
  const all = await findSessions(docker, cluster);
  const own = ownOwner();
  const isHere = ({ owner }: Remains) => owner === undefined || owner.machine === own.machine;
  const dead = all.filter((each) => isHere(each) && !mayLive(each.owner));
  const living = all.length - dead.length;
  const sides = [...(docker ? ['Docker'] : []), ...(cluster ? [`namespace ${cluster.namespace}`] : [])];
  const others = `${living === 1 ? '1 session lives' : `${living} sessions live`} in ${sides.join(' and ')}`;
  if (dead.length === 0) return [ok(`no session has died; ${others}`)];
  return dead.map(({ session, workload, owner }) => {
    const whose = owner ? `${owner.user}, process ${owner.pid}` : 'owner unknown';
    return warning(
      `session ${session} (${workload ?? 'no workload'}, ${whose}) has died`,
      `tp leave ${session}`,
    );
  });
}
