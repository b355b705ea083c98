import { NODE_IMAGE } from '../assets.ts';
import type { Cluster } from './client.ts';
import { cloneDeployment } from './clone.ts';
import { ifAllowed } from './optional.ts';
import { type EnforcedLevel, violationsOf } from './pod-security-rules.ts';
import type { Target, Workload } from './workload.ts';

const ENFORCE = 'pod-security.kubernetes.io/enforce';

/**
 * What the namespace's labels say that PodSecurity enforces; undefined where this login may not read the namespace. The
 * API server may have a default of its own where there is no label. Throws TpError.
 */
export async function enforcedLevel({ core, namespace }: Cluster): Promise<EnforcedLevel | undefined> {
  const found = await ifAllowed('reading the namespace', core.readNamespace({ name: namespace }));
  if (!found) return undefined;
  const level = found.metadata?.labels?.[ENFORCE];
  return level === 'baseline' || level === 'restricted' ? level : 'privileged';
}

/** By which people say which container is meant, where they say nothing. */
const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/**
 * What a level would find wrong with the proxy's pod for a workload; undefined for one that has no such pod. The proxy
 * stands for the pod's default container, or else its first.
 */
export function proxyViolations(workload: Workload, level: EnforcedLevel): string[] | undefined {
  const { metadata, spec } = workload.template;
  const named = metadata?.annotations?.[DEFAULT_CONTAINER];
  const container = spec?.containers.find(({ name }) => name === named) ?? spec?.containers[0];
  if (!container || spec?.hostNetwork) return undefined;
  return violationsOf(proxyPod({ workload, container }), level);
}

function proxyPod(target: Target) {
  const deployment = cloneDeployment(target, {
    session: '',
    name: '',
    configMap: '',
    image: NODE_IMAGE,
    ports: [],
    healthPort: 0,
    limited: [],
    annotations: {},
    skipInit: false,
    withoutContainers: [],
    dropLabels: [],
  });
  return deployment.spec?.template.spec ?? { containers: [] };
}
