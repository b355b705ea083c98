import type { Cluster } from '../cluster/client.ts';
import { linkOf, viewSessions } from '../cluster/session-view.ts';
import type { Docker } from '../docker/connect.ts';
import { sessionTraces } from '../docker/session-containers.ts';
import { CONTEXT, NAMESPACE } from '../labels.ts';
import { describeSession, type Traces } from './describe.ts';
import type { LiveReport, SessionStatus } from './session-status.ts';
import { askSession, sessionsWithSocket } from './socket.ts';

/** Where to look. What cannot be looked at is undefined. */
export interface Sides {
  docker: Docker | undefined;
  /** The namespace at hand. */
  cluster: Cluster | undefined;
  /** A namespace that a session of this machine is in. Throws TpError where the kubeconfig does not lead there. */
  reach(place: Place): Cluster;
  /** Hears of what cannot be looked at. */
  onFailure(error: Error): void;
}

interface Place {
  context: string;
  namespace: string;
}

export interface Gathered {
  sessions: SessionStatus[];
  /** Whether Docker or any namespace could be looked at. */
  looked: boolean;
}

/** All sessions that left a trace on this machine and, with `all`, in the namespace. What fails is told and left out. */
export async function gatherSessions(sides: Sides, all: boolean): Promise<Gathered> {
  const { docker, cluster, onFailure } = sides;
  const optional = <T>(answer: Promise<T>): Promise<T | undefined> =>
    answer.catch((error: Error) => {
      onFailure(error);
      return undefined;
    });
  const [containers, reports] = await Promise.all([docker && optional(sessionTraces(docker)), askAll()]);
  const found = new Map<string, Traces>();
  for (const [session, container] of containers ?? []) tracesOf(found, session).container = container;
  for (const [session, report] of reports) tracesOf(found, session).report = report;
  const looks = placesOf(found, cluster).map((place) => optional(lookInto(place, sides, found)));
  const looked = await Promise.all(looks);
  const sessions = [...found.values()].map(describeSession).filter(({ here }) => all || here);
  return {
    sessions: sessions.map(({ status }) => status).sort(bySince),
    looked: containers !== undefined || looked.includes(true),
  };
}

function tracesOf(found: Map<string, Traces>, session: string): Traces {
  const traces = found.get(session) ?? { session };
  found.set(session, traces);
  return traces;
}

const bySince = (a: SessionStatus, b: SessionStatus): number => ((a.since ?? '') < (b.since ?? '') ? -1 : 1);

/** The namespace at hand, and those of the sessions that are known. */
function placesOf(found: ReadonlyMap<string, Traces>, cluster: Place | undefined): Place[] {
  const places = [
    ...(cluster ? [cluster] : []),
    ...[...found.values()].flatMap((traces) => placeOf(traces) ?? []),
  ];
  return places.filter((place, at) => places.findIndex((each) => isSame(each, place)) === at);
}

function placeOf({ container, report }: Traces): Place | undefined {
  const { [CONTEXT]: context, [NAMESPACE]: namespace } = (container ?? report)?.labels ?? {};
  return context === undefined || namespace === undefined ? undefined : { context, namespace };
}

const isSame = (a: Place | undefined, b: Place): boolean =>
  a?.context === b.context && a.namespace === b.namespace;

/** Adds what the namespace knows; of one that is not at hand, only of the sessions that are known. Throws TpError. */
async function lookInto(place: Place, { cluster, reach }: Sides, found: Map<string, Traces>): Promise<true> {
  const atHand = cluster && isSame(cluster, place);
  const there = atHand ? cluster : reach(place);
  const views = await viewSessions(there);
  for (const traces of found.values()) if (isSame(placeOf(traces), place)) traces.looked = true;
  const { context, namespace } = place;
  const known = [...views].filter(([session]) => atHand || found.has(session));
  await Promise.all(
    known.map(async ([session, view]) => {
      const traces = tracesOf(found, session);
      Object.assign(traces, { view, place: { context, namespace }, looked: true });
      if (!traces.report) traces.link = await linkOf(there, view);
    }),
  );
  return true;
}

async function askAll(): Promise<Map<string, LiveReport>> {
  const answers = await Promise.all(
    sessionsWithSocket().map(async (session) => [session, await askSession(session)] as const),
  );
  return new Map(answers.flatMap(([session, report]) => (report ? [[session, report] as const] : [])));
}
