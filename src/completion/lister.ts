import { accessTo, type Cluster, clusterOf } from '../cluster/client.ts';
import type { Terminal } from '../cluster/exec-login.ts';
import { readKubeconfig } from '../cluster/kubeconfig.ts';
import { listOtherWorkloads } from '../cluster/other-workloads.ts';
import { kindOf, listWorkloads, type Target, type Workload } from '../cluster/workload.ts';
import { SESSION } from '../labels.ts';
import type { Candidate } from './candidate.ts';
import type { Lister, Source } from './complete.ts';
import { loginQuietly } from './login.ts';
import { within } from './within.ts';

type Chosen = Readonly<Record<string, string>>;
type Container = Target['container'];

/** Looks up in kubeconfig, cluster and Docker. What cannot be asked, refuses or takes too long gives nothing. */
export const list: Lister = async (source, chosen) => await LISTS[source](chosen);

const LISTS: Readonly<Record<Source, (chosen: Chosen) => Promise<Candidate[]>>> = {
  contexts,
  namespaces,
  workloads: async (chosen) =>
    (await workloads(chosen)).map((workload) => ({
      word: nameOf(workload),
      about: containersOf(workload)
        .map(({ image }) => image)
        .join(', '),
    })),
  containers: async (chosen) => byName(await workloadsOnLine(chosen), containersOf),
  sidecars: async (chosen) => byName(await workloadsOnLine(chosen), allContainersOf),
  services,
  sessions: async (chosen) => {
    const { listRemains } = await import('./sessions.ts');
    return await listRemains((request) => ask(chosen, request));
  },
};

/** Asks the cluster that the line names; undefined where that is not possible now. */
async function ask<T>(chosen: Chosen, request: (cluster: Cluster) => Promise<T>): Promise<T | undefined> {
  const access = accessTo(chosen);
  const asking = loginQuietly(access.user).then((user) =>
    user ? request(clusterOf({ ...access, user }, { ...chosen, terminal: NOBODY })) : undefined,
  );
  return await within(asking);
}

/** At a Tab nobody is asked anything. */
const NOBODY: Terminal = { inputIsFree: false, lend: (work) => work() };

async function contexts(chosen: Chosen): Promise<Candidate[]> {
  const { contexts: all, currentContext } = readKubeconfig(chosen.kubeconfig, process.env);
  return [...all].map(([name, { cluster, namespace = 'default' }]) => ({
    word: name,
    about: `${namespace} in ${cluster}${name === currentContext ? ', the current one' : ''}`,
  }));
}

/** Few people may list namespaces: those that the kubeconfig names for this cluster are known in any case. */
async function namespaces(chosen: Chosen): Promise<Candidate[]> {
  const found = await ask(chosen, ({ core }) => core.listNamespace());
  if (found) return found.items.map(({ metadata }) => ({ word: metadata?.name ?? '' }));
  const { contexts: all, currentContext } = readKubeconfig(chosen.kubeconfig, process.env);
  const here = all.get(chosen.context ?? currentContext)?.cluster;
  return [...all]
    .filter(([, { cluster }]) => cluster === here)
    .map(([name, { namespace = 'default' }]) => ({ word: namespace, about: `of context ${name}` }));
}

async function services(chosen: Chosen): Promise<Candidate[]> {
  const found = await ask(chosen, ({ core, namespace }) =>
    core.listNamespacedService({ namespace, labelSelector: `!${SESSION}` }),
  );
  return (found?.items ?? []).map(({ metadata, spec }) => {
    const ports = spec?.ports?.map(({ port }) => port).join(', ') || 'none';
    const about = `${spec?.clusterIP === 'None' ? 'headless, ' : ''}port ${ports}`;
    return { word: metadata?.name ?? '', about };
  });
}

const workloads = async (chosen: Chosen): Promise<Workload[]> => {
  const lists = await Promise.all([ask(chosen, listWorkloads), ask(chosen, listOtherWorkloads)]);
  return lists.flatMap((list) => list ?? []);
};

/** The workload that the line names; without one, or where it names none that exists, all of them. */
async function workloadsOnLine(chosen: Chosen): Promise<Workload[]> {
  const all = await workloads(chosen);
  const [kind = '', name] = (chosen.workload ?? '').toLowerCase().split('/');
  const named = all.filter((each) => each.name === name && each.kind === kindOf(kind));
  return named.length > 0 ? named : all;
}

/** Containers by their names, which several workloads may use. */
function byName(of: readonly Workload[], containers: (workload: Workload) => Container[]): Candidate[] {
  const found = new Map<string, string[]>();
  for (const workload of of) {
    for (const { name, image } of containers(workload)) {
      found.set(name, [...(found.get(name) ?? []), `${image} in ${nameOf(workload)}`]);
    }
  }
  return [...found].map(([word, places]) => {
    return { word, about: places.length > 1 ? `in ${places.length} workloads` : places[0] };
  });
}

const nameOf = ({ kind, name }: Workload): string => `${kind}/${name}`;

const containersOf = ({ template }: Workload): Container[] => template.spec?.containers ?? [];

const allContainersOf = (workload: Workload): Container[] => [
  ...containersOf(workload),
  ...(workload.template.spec?.initContainers ?? []),
];
