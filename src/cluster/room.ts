import type { V1LimitRange, V1LimitRangeItem, V1ResourceQuota } from '@kubernetes/client-node';
import type { Cluster } from './client.ts';
import { PROXY_LIMITS, PROXY_REQUESTS } from './clone.ts';
import { ifAllowed } from './optional.ts';
import type { LimitedResource } from './preflight.ts';
import { amountOf } from './quantity.ts';

/** What a session's objects take of a quota, the workload's sidecars aside. */
const NEEDS: Readonly<Record<string, string | undefined>> = {
  pods: '1',
  'count/pods': '1',
  services: '1',
  'count/services': '1',
  configmaps: '1',
  'count/configmaps': '1',
  'count/deployments.apps': '1',
  'count/replicasets.apps': '1',
  cpu: PROXY_REQUESTS.cpu,
  memory: PROXY_REQUESTS.memory,
  'requests.cpu': PROXY_REQUESTS.cpu,
  'requests.memory': PROXY_REQUESTS.memory,
  'limits.cpu': PROXY_LIMITS.cpu,
  'limits.memory': PROXY_LIMITS.memory,
};

/** Whether the namespace has room for a session; what this login may not read is undefined. */
export interface Room {
  /** Names of what is there. */
  quotas: string[] | undefined;
  limitRanges: string[] | undefined;
  /** What is in the way: of which object, and why. */
  lacking: { kind: 'quota' | 'limitrange'; name: string; why: string }[];
}

/** Looks at quotas and limits of the namespace. Throws TpError. */
export async function findRoom({ core, namespace }: Cluster): Promise<Room> {
  const [quotas, ranges] = await Promise.all([
    ifAllowed('listing quotas', core.listNamespacedResourceQuota({ namespace })),
    ifAllowed('listing limits', core.listNamespacedLimitRange({ namespace })),
  ]);
  const names = (list: { items: { metadata?: { name?: string } }[] } | undefined) =>
    list?.items.map(({ metadata }) => metadata?.name ?? '');
  const given = givenLimits(ranges?.items ?? []);
  const ofQuotas = (quotas?.items ?? []).flatMap((quota) =>
    shortages(quota, given).map((why) => ({ kind: 'quota' as const, name: quota.metadata?.name ?? '', why })),
  );
  const ofRanges = (ranges?.items ?? []).flatMap((range) =>
    refusals(range).map((why) => ({ kind: 'limitrange' as const, name: range.metadata?.name ?? '', why })),
  );
  return { quotas: names(quotas), limitRanges: names(ranges), lacking: [...ofQuotas, ...ofRanges] };
}

/** Scopes that the proxy's pod is not in: it has requests, and no deadline. */
const OTHER_PODS: ReadonlySet<string> = new Set(['BestEffort', 'Terminating', 'PriorityClass']);

/** The limits that a container gets which names none; of several LimitRanges the first that has one gives it. */
export function givenLimits(ranges: readonly V1LimitRange[]): Partial<Record<LimitedResource, string>> {
  const items = ranges.flatMap(({ spec }) => spec?.limits ?? []).filter(({ type }) => type === 'Container');
  const given = (['cpu', 'memory'] as const).flatMap((resource) => {
    const limit = items.map((each) => limitBy(each, resource)).find((each) => each !== undefined);
    return limit === undefined ? [] : [[resource, limit] as const];
  });
  return Object.fromEntries(given);
}

/** Where nothing else is said, the default is the maximum. */
const limitBy = ({ _default: byDefault, max }: V1LimitRangeItem, resource: LimitedResource) =>
  byDefault?.[resource] ?? max?.[resource];

/** What a quota has no room for, when the proxy is given these limits. */
export function shortages(
  { spec, status }: V1ResourceQuota,
  { cpu, memory }: ReturnType<typeof givenLimits> = {},
): string[] {
  const needs: typeof NEEDS = {
    ...NEEDS,
    ...(cpu === undefined ? {} : { 'limits.cpu': cpu }),
    ...(memory === undefined ? {} : { 'limits.memory': memory }),
  };
  const selected = spec?.scopeSelector?.matchExpressions?.map(({ scopeName }) => scopeName) ?? [];
  if ([...(spec?.scopes ?? []), ...selected].some((scope) => OTHER_PODS.has(scope))) return [];
  return Object.entries(spec?.hard ?? {}).flatMap(([resource, hard]) => {
    const needed = needs[resource];
    const used = status?.used?.[resource] ?? '0';
    if (needed === undefined || amountOf(used) + amountOf(needed) <= amountOf(hard)) return [];
    return [`${resource}: ${used} of ${hard} are used, and a session needs ${needed}`];
  });
}

/** Why a LimitRange would refuse the proxy's container (kubernetes: plugin/pkg/admission/limitranger). */
export function refusals({ spec }: V1LimitRange): string[] {
  return (spec?.limits ?? [])
    .filter(({ type }) => type === 'Container')
    .flatMap((item) =>
      (['cpu', 'memory'] as const).flatMap((resource) => {
        const { min, maxLimitRequestRatio } = item;
        const request = amountOf(PROXY_REQUESTS[resource]);
        const limit = limitBy(item, resource);
        const ratio = maxLimitRequestRatio?.[resource];
        const asks = `the proxy asks for ${PROXY_REQUESTS[resource]} of ${resource}`;
        return [
          ...(request < amountOf(min?.[resource] ?? '0')
            ? [`${asks}, and at least ${min?.[resource]} is allowed`]
            : []),
          ...(limit && request > amountOf(limit) ? [`${asks}, and gets a limit of ${limit}`] : []),
          ...(ratio && limit && amountOf(limit) / request > amountOf(ratio)
            ? [`${asks} and gets a limit of ${limit}, more than ${ratio} times that`]
            : []),
        ];
      }),
    );
}
