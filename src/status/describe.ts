import type { linkOf, SessionView } from '../cluster/session-view.ts';
import {
  CONTEXT,
  HELD,
  mayLive,
  NAMESPACE,
  OWNER,
  type Owner,
  ownOwner,
  readOwner,
  WORKLOAD,
} from '../labels.ts';
import type { LiveReport, ProcessState, ServiceStatus, SessionStatus } from './session-status.ts';

/** What was found of a session, here and there. */
export interface Traces {
  session: string;
  /** Of its containers on this machine's Docker. */
  container?: { labels: Record<string, string>; since: Date };
  /** What its process says. */
  report?: LiveReport;
  /** What the cluster says, and of which namespace. */
  view?: SessionView;
  place?: { context: string; namespace: string };
  link?: Awaited<ReturnType<typeof linkOf>>;
  /** Whether its namespace could be looked at. */
  looked?: boolean;
}

/** One session from all that was found of it, and whether it is of this machine. Whoever knows best is believed. */
export function describeSession(traces: Traces): { status: SessionStatus; here: boolean } {
  const { session, container, report, view, place } = traces;
  const labels = { ...container?.labels, ...report?.labels };
  const annotations = view?.annotations ?? {};
  const owner = readOwner(annotations[OWNER] ?? labels[OWNER]);
  const since = view?.since?.toISOString() ?? container?.since.toISOString() ?? report?.since;
  const workload = annotations[WORKLOAD] ?? report?.workload;
  const { [HELD]: held, [CONTEXT]: context = '', [NAMESPACE]: namespace = '' } = labels;
  const state = processState(owner, report);
  const status: SessionStatus = {
    session,
    process: state,
    ...(owner && { owner: { user: owner.user, host: owner.host } }),
    ...(since !== undefined && { since }),
    ...(workload !== undefined && { workload }),
    ...(place ?? { context, namespace }),
    ...(held !== undefined && { held }),
    services: servicesOf(traces),
    ports: report?.ports ?? view?.ports ?? [],
    ...(report?.loopback && { loopback: report.loopback }),
    // Nobody connects any more for a process that is gone, whatever the proxy still waits for.
    link: report?.link ?? (state === 'ended' ? { state: 'gone' } : (traces.link ?? { state: 'unknown' })),
    ...(view?.pod && { proxy: { pod: view.pod.name, ready: view.pod.ready } }),
    features: report?.features ?? [],
  };
  const here = container !== undefined || report !== undefined || owner?.machine === ownOwner().machine;
  return { status, here };
}

function processState(owner: Owner | undefined, report: LiveReport | undefined): ProcessState {
  if (report) return 'running';
  if (!owner) return 'unknown';
  if (owner.machine !== ownOwner().machine) return 'elsewhere';
  return mayLive(owner) ? 'silent' : 'ended';
}

/** The Services that it will take, as it says, and those that it holds, as the cluster says. */
function servicesOf({ report, view, looked = false }: Traces): ServiceStatus[] {
  const held = view?.services ?? [];
  const planned = (report?.services ?? []).map((service) => ({
    ...service,
    ...(looked && { switched: held.some(({ name }) => name === service.name) }),
  }));
  const others = held.filter(({ name }) => !planned.some((each) => each.name === name));
  return [...planned, ...others.map((service) => ({ ...service, switched: true }))];
}
