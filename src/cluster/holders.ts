import { OWNER, readOwner } from '../labels.ts';
import type { Cluster } from './client.ts';
import type { ServiceView } from './services.ts';
import { viewSessions } from './session-view.ts';

/** Who holds a Service, for people. */
export interface Holder {
  /** user@host */
  whose: string;
  since: string | undefined;
}

/** The sessions that hold some of the Services, as far as it is known whose they are. Throws TpError. */
export async function holdersOf(
  cluster: Cluster,
  services: readonly ServiceView[],
): Promise<Map<string, Holder>> {
  const ids = new Set(services.flatMap(({ heldBy }) => heldBy ?? []));
  const holders = new Map<string, Holder>();
  if (ids.size === 0) return holders;
  for (const [session, { annotations, since }] of await viewSessions(cluster)) {
    const owner = readOwner(annotations[OWNER]);
    if (!ids.has(session) || !owner) continue;
    holders.set(session, { whose: `${owner.user}@${owner.host}`, since: since?.toISOString() });
  }
  return holders;
}
