import { PROXY_CONFIG, type ProxyConfig } from '../../images/proxy/config.ts';
import { SESSION } from '../labels.ts';
import { ask, type Cluster } from './client.ts';
import { ifAllowed } from './optional.ts';
import { deploymentOf, eventOf, podOf, serviceOf } from './passed-on.ts';

/** The sessions' objects of a namespace as they may be passed on: only what is named here, no values of variables. */
export interface SessionObjects {
  deployments: object[];
  pods: object[];
  services: object[];
  /** Names only. */
  configMaps: string[];
  /** Undefined where this login may not list events. */
  events: object[] | undefined;
  /** Names of what was read, which are no secrets although variables have them as values. */
  names: string[];
  /** What is secret in what was read, to be taken out wherever else it stands. */
  secrets: string[];
}

/** Reads them. Throws TpError. */
export async function readSessionObjects({ core, apps, namespace }: Cluster): Promise<SessionObjects> {
  const ours = { namespace, labelSelector: SESSION };
  const [deployments, pods, services, configMaps, events] = await Promise.all([
    ask('listing Deployments', apps.listNamespacedDeployment(ours)),
    ask('listing Pods', core.listNamespacedPod(ours)),
    ask('listing Services', core.listNamespacedService({ namespace })),
    ask('listing ConfigMaps', core.listNamespacedConfigMap(ours)),
    ifAllowed('listing events', core.listNamespacedEvent({ namespace })),
  ]);
  const touched = services.items.filter(
    ({ metadata, spec }) => metadata?.labels?.[SESSION] ?? spec?.selector?.[SESSION],
  );
  const podNames = new Set(pods.items.map(({ metadata }) => metadata?.name));
  const specs = [
    ...deployments.items.map(({ spec }) => spec?.template.spec),
    ...pods.items.map(({ spec }) => spec),
  ];
  const containers = specs.flatMap((spec) => [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]);
  return {
    deployments: deployments.items.map(deploymentOf),
    pods: pods.items.map(podOf),
    services: touched.map(serviceOf),
    configMaps: configMaps.items.map(({ metadata }) => metadata?.name ?? ''),
    events: events?.items.filter(({ involvedObject }) => podNames.has(involvedObject.name)).map(eventOf),
    names: [...deployments.items, ...pods.items, ...touched, ...configMaps.items]
      .map(({ metadata }) => metadata?.name ?? '')
      .concat(pods.items.flatMap(({ spec }) => [spec?.nodeName ?? '', spec?.serviceAccountName ?? ''])),
    secrets: [
      ...containers.flatMap(({ env }) => (env ?? []).flatMap(({ value }) => value ?? [])),
      ...configMaps.items.flatMap(({ data }) => hashIn(data?.[PROXY_CONFIG])),
    ],
  };
}

function hashIn(text: string | undefined): string[] {
  try {
    const { tokenSha256 } = JSON.parse(text ?? '') as Partial<ProxyConfig>;
    return tokenSha256 === undefined ? [] : [tokenSha256];
  } catch {
    return []; // not ours
  }
}
