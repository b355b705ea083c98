import { TpError } from '../errors.ts';
import { ask, type Cluster, statusOf } from './client.ts';
import { grantCommands, type RIGHTS } from './role.ts';
import { givenLimits } from './room.ts';
import type { ServiceView } from './services.ts';
import type { Target } from './workload.ts';

/**
 * Asks the cluster for each right before anything is changed: for all of them at once, and for those that the list
 * does not show one by one, as lists may be incomplete. Throws TpError that names what is missing.
 */
export async function checkRights(cluster: Cluster, rights: typeof RIGHTS): Promise<void> {
  const { authorization, namespace } = cluster;
  const body = { spec: { namespace } };
  const review = await ask('checking rights', authorization.createSelfSubjectRulesReview({ body }));
  const rules = review.status?.resourceRules ?? [];
  const covers = (list: readonly string[] | undefined, name: string) =>
    list?.some((each) => each === '*' || each === name);
  const unseen = rightsOf(rights).filter(
    ({ group, resource, verb }) =>
      !rules.some(
        (rule) =>
          covers(rule.apiGroups, group) &&
          covers(rule.resources, resource) &&
          covers(rule.verbs, verb) &&
          (rule.resourceNames ?? []).length === 0,
      ),
  );
  const list = await missingRights(cluster, unseen);
  if (list.length === 0) return;
  throw new TpError('TP_FORBIDDEN', `this login may not: ${list.join(', ')} (namespace ${namespace})`, {
    hint: grantCommands(namespace, rights),
  });
}

/** One verb on one resource. */
interface Right {
  group: string;
  resource: string;
  verb: string;
}

/** Rights a verb at a time. */
export const rightsOf = (rights: typeof RIGHTS): Right[] =>
  rights.flatMap(({ group, resource, verbs }) => verbs.map((verb) => ({ group, resource, verb })));

/** Asks for each right by itself; gives those that the login lacks, as people say them: `patch services`. */
export async function missingRights(cluster: Cluster, rights: readonly Right[]): Promise<string[]> {
  const asked = rights.map(async (right) =>
    (await isAllowed(cluster, right)) ? [] : [`${right.verb} ${right.resource}`],
  );
  return (await Promise.all(asked)).flat();
}

async function isAllowed(
  { authorization, namespace }: Cluster,
  { group, resource: path, verb }: Right,
): Promise<boolean> {
  const [resource, subresource] = path.split('/');
  const body = { spec: { resourceAttributes: { namespace, group, verb, resource, subresource } } };
  const review = await ask('checking rights', authorization.createSelfSubjectAccessReview({ body }));
  return review.status?.allowed ?? false;
}

/** Resources of which a quota wants to know the limits of every container. */
export type LimitedResource = 'cpu' | 'memory';

export interface Preflight {
  /** What the proxy's pod changes for the workload's neighbours: a line each, to be read before it happens. */
  advice: string[];
  /** What the proxy's pod needs limits for, or a quota refuses it. */
  limited: LimitedResource[];
}

/** Looks at what the proxy's pod will meet. What the login may not read is passed over: it is advice. */
export async function adviseOn(
  cluster: Cluster,
  target: Target,
  services: readonly ServiceView[],
  named: readonly string[],
): Promise<Preflight> {
  const { namespace, policy, autoscaling, core } = cluster;
  const labels = target.workload.template.metadata?.labels ?? {};
  const [budgets, scalers, quotas, ranges] = await Promise.all([
    readable(policy.listNamespacedPodDisruptionBudget({ namespace })),
    readable(autoscaling.listNamespacedHorizontalPodAutoscaler({ namespace })),
    readable(core.listNamespacedResourceQuota({ namespace })),
    readable(core.listNamespacedLimitRange({ namespace })),
  ]);
  const lines: string[] = [];
  for (const { metadata, spec } of budgets) {
    const match = spec?.selector?.matchLabels;
    if (!match || !Object.entries(match).every(([key, value]) => labels[key] === value)) continue;
    lines.push(`PodDisruptionBudget ${metadata?.name} counts the proxy's pod as one of its own`);
  }
  for (const { metadata, spec } of scalers) {
    if (spec?.scaleTargetRef.name !== target.workload.name) continue;
    lines.push(`HorizontalPodAutoscaler ${metadata?.name} counts the proxy's pod among those it measures`);
  }
  for (const { metadata, spec } of quotas) {
    const limited = Object.keys(spec?.hard ?? {}).filter((key) =>
      /^(pods|requests|limits|services|configmaps|count)/.test(key),
    );
    if (limited.length > 0)
      lines.push(`ResourceQuota ${metadata?.name} counts the session's objects (${limited.join(', ')})`);
  }
  const advice = [
    ...lines,
    ...placementAdvice(target, services),
    ...services.flatMap(({ name, notByDefault, ports }) => {
      if (notByDefault === undefined || named.includes(name)) return [];
      const offer = ports.length > 0 ? `; --service ${name} takes it` : '';
      return [`Service ${name} is left alone: ${notByDefault}${offer}`];
    }),
  ];
  const hard = new Set(quotas.flatMap(({ spec }) => Object.keys(spec?.hard ?? {})));
  // Those that a LimitRange gives are within its maximum; ours might not be.
  const given = givenLimits(ranges);
  const limited = (['cpu', 'memory'] as const).filter(
    (resource) => hard.has(`limits.${resource}`) && given[resource] === undefined,
  );
  return { advice, limited };
}

/** What affinity and spread say of one more pod with the target's labels. */
export function placementAdvice({ workload }: Target, services: readonly ServiceView[]): string[] {
  const { affinity, topologySpreadConstraints } = workload.template.spec ?? {};
  const lines: string[] = [];
  const needed = new Set(services.flatMap(({ selects }) => selects));
  for (const term of affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    const { matchLabels = {}, matchExpressions = [] } = term.labelSelector ?? {};
    // One label less is enough not to match; but not one by which a Service finds the pod.
    const keys = [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)];
    const key = keys.find((each) => !needed.has(each));
    const way = key === undefined ? '--no-inbound' : `--drop-label ${key}`;
    lines.push(
      `a required anti-affinity (${term.topologyKey}) may leave the proxy's pod pending; if so: ${way}`,
    );
  }
  if (topologySpreadConstraints?.some(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule')) {
    lines.push("a topology spread constraint counts the proxy's pod");
  }
  return lines;
}

/** A list that is empty where the login may not read it. Throws TpError where the cluster fails. */
async function readable<T>(list: Promise<{ items: T[] }>): Promise<T[]> {
  try {
    return (await list).items;
  } catch (error) {
    if (statusOf(error) === 403 || statusOf(error) === 404) return [];
    return (await ask('checking the namespace', Promise.reject(error))) as never;
  }
}
