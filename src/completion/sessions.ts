import type { Cluster } from '../cluster/client.ts';
import { listSessions } from '../cluster/objects.ts';
import { connectDocker } from '../docker/connect.ts';
import { sessionContainers } from '../docker/session-containers.ts';
import { mayLive, OWNER, ownOwner, readOwner, WORKLOAD } from '../labels.ts';
import type { Candidate } from './candidate.ts';
import { within } from './within.ts';

type Ask = <T>(request: (cluster: Cluster) => Promise<T>) => Promise<T | undefined>;

/** Sessions that left a trace in Docker or in the namespace: either is enough, as the other may not answer. */
export async function listRemains(ask: Ask): Promise<Candidate[]> {
  const containers = connectDocker().then(({ docker }) => sessionContainers(docker));
  const [here, there] = await Promise.all([within(containers), ask(listSessions).catch(() => undefined)]);
  const all = new Map([...(here ?? []), ...(there ?? [])]);
  return [...all].map(([session, marks]) => ({ word: session, about: about(marks) }));
}

function about(marks: Record<string, string>): string {
  const { [OWNER]: text, [WORKLOAD]: workload } = marks;
  const owner = readOwner(text);
  const ended = owner && owner.machine === ownOwner().machine && !mayLive(owner);
  return [workload, owner && `${owner.user}@${owner.host}`, ended && 'its process has ended']
    .filter(Boolean)
    .join(', ');
}
