import type { V1ConfigMap, V1Pod, V1Service } from '@kubernetes/client-node';
import { PROXY_BUNDLE, PROXY_CONFIG, PROXY_DIRECTORY, type ProxyConfig } from '../../images/proxy/config.ts';
import { type LoggedLink, linkInLog } from '../../images/proxy/link-log.ts';
import { SESSION } from '../labels.ts';
import { ask, type Cluster, statusOf } from './client.ts';

/** A Service that a session holds now, with its ports and those of the pod that they lead to. */
export interface HeldService {
  name: string;
  ports: { port: number; pod: number | string; protocol?: 'UDP' }[];
}

/** What the cluster knows of a session, whoever started it. */
export interface SessionView {
  annotations: Readonly<Record<string, string>>;
  since: Date | undefined;
  services: HeldService[];
  /** The pod's ports that it answers for. */
  ports: { pod: number; protocol?: 'UDP' }[];
  pod: { name: string; ready: boolean; container: string | undefined } | undefined;
}

/** The sessions of the namespace. Throws TpError. */
export async function viewSessions({ apps, core, namespace }: Cluster): Promise<Map<string, SessionView>> {
  const ours = { namespace, labelSelector: SESSION };
  const [deployments, configMaps, services, pods] = await Promise.all([
    ask('listing Deployments', apps.listNamespacedDeployment(ours)),
    ask('listing ConfigMaps', core.listNamespacedConfigMap(ours)),
    ask('listing Services', core.listNamespacedService({ namespace })),
    ask('listing Pods', core.listNamespacedPod(ours)),
  ]);
  const views = new Map<string, SessionView>();
  const viewOf = (session: string): SessionView => {
    const view = views.get(session) ?? {
      annotations: {},
      since: undefined,
      services: [],
      ports: [],
      pod: undefined,
    };
    views.set(session, view);
    return view;
  };
  for (const object of [...configMaps.items, ...deployments.items]) {
    const { labels, annotations = {}, creationTimestamp: since } = object.metadata ?? {};
    Object.assign(viewOf(labels?.[SESSION] ?? ''), { annotations, since });
  }
  for (const configMap of configMaps.items) {
    viewOf(configMap.metadata?.labels?.[SESSION] ?? '').ports = portsIn(configMap);
  }
  for (const service of services.items) {
    const session = service.spec?.selector?.[SESSION];
    if (session !== undefined) viewOf(session).services.push(heldService(service));
  }
  // One that is about to end is only of interest where no other has taken its place.
  const ending = ({ metadata }: V1Pod) => (metadata?.deletionTimestamp ? 0 : 1);
  for (const pod of pods.items.sort((a, b) => ending(a) - ending(b))) {
    const session = pod.metadata?.labels?.[SESSION] ?? '';
    if (views.has(session)) viewOf(session).pod = podView(pod);
  }
  return views;
}

function portsIn({ data }: V1ConfigMap): SessionView['ports'] {
  try {
    const { ports, udp = [] } = JSON.parse(data?.[PROXY_CONFIG] ?? '') as ProxyConfig;
    return [...ports.map((pod) => ({ pod })), ...udp.map((pod) => ({ pod, protocol: 'UDP' as const }))];
  } catch {
    return []; // damaged, or another version's
  }
}

const heldService = ({ metadata, spec }: V1Service): HeldService => ({
  name: metadata?.name ?? '',
  ports: (spec?.ports ?? []).map(({ port, targetPort, protocol }) => ({
    port,
    pod: targetPort ?? port,
    ...(protocol === 'UDP' && { protocol: 'UDP' as const }),
  })),
});

function podView({ metadata, spec, status }: V1Pod): SessionView['pod'] {
  const proxy = spec?.containers.find(({ command }) =>
    command?.includes(`${PROXY_DIRECTORY}/${PROXY_BUNDLE}`),
  );
  const ready =
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
  return { name: metadata?.name ?? '', ready, container: proxy?.name };
}

/** The link's last change is among so many lines, as the proxy hardly says anything else. */
const LOG_LINES = 1_000;

/**
 * How the session's link is, as its proxy's log says: without a pod nobody is connected. `unknown` where the log may not
 * be read, or says nothing. Throws TpError where the cluster does not answer.
 */
export async function linkOf(
  { core, namespace }: Cluster,
  { pod }: SessionView,
): Promise<{ state: LoggedLink | 'unknown'; since?: string }> {
  if (!pod) return { state: 'gone' };
  const { name, container } = pod;
  const reading = core.readNamespacedPodLog({
    name,
    namespace,
    tailLines: LOG_LINES,
    ...(container && { container }),
  });
  try {
    return linkInLog(await reading) ?? { state: 'unknown' };
  } catch (error) {
    // May not be read, is gone, or has no log yet.
    if (statusOf(error) !== undefined) return { state: 'unknown' };
    return await ask("reading the proxy's log", Promise.reject(error));
  }
}
