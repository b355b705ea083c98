import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { kubectlArguments, kubectlJson, withInput } from './cluster.ts';

/**
 * NetworkPolicies of a namespace in force on the embedded cluster, whose CNI plugin knows of none, and for which no
 * enforcer can be had as a Go module here: what they say is read from the cluster and written as iptables rules into the
 * node's network namespace. As with Cilium, a new pod reaches nothing, and nothing it, until its labels are known.
 */

const run = promisify(execFile);
const inNode = (...args: string[]) => run('ip', ['netns', 'exec', 'tpcluster', ...args]);

/** The embedded cluster's pods. */
const PODS = '10.244.0.0/16';

/** Rules of a run that was killed bind nobody for longer than this (ms). */
const RULES_LIMIT_MS = 600_000;

interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string }[];
}
interface Peer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
}
interface Rule {
  from?: Peer[];
  to?: Peer[];
  ports?: { protocol?: string; port: number }[];
}
interface Item {
  kind: string;
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
  spec: { podSelector: Selector; policyTypes: string[]; ingress?: Rule[]; egress?: Rule[] };
  status?: { podIP?: string; phase?: string };
}

const DIRECTIONS = [
  { chain: 'TPE-EGRESS', type: 'Egress', own: '-s', peer: '-d', rules: ({ spec }: Item) => spec.egress },
  { chain: 'TPE-INGRESS', type: 'Ingress', own: '-d', peer: '-s', rules: ({ spec }: Item) => spec.ingress },
] as const;

export class NetworkPolicies implements AsyncDisposable {
  readonly #watch;
  readonly #until = new Date(Date.now() + RULES_LIMIT_MS).toISOString().slice(0, 19);
  #settled: Promise<void> = Promise.resolve();

  private constructor() {
    const [program, prefix] = kubectlArguments;
    const args = [...prefix, 'get', 'pods', '-A', '--watch', '--output', 'name'];
    this.#watch = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#watch.stdout.on('data', () => void this.refresh());
  }

  static async enforce(): Promise<NetworkPolicies> {
    await remove().catch(() => {}); // what a run that was killed has left; there is mostly nothing
    const policies = new NetworkPolicies();
    await policies.refresh();
    await inNode('iptables', '-I', 'FORWARD', '-j', 'TPE-POLICY');
    return policies;
  }

  /** Resolves when the policies are in force as they are now; pods that come and go are noticed without it. */
  refresh(): Promise<void> {
    this.#settled = this.#settled.then(() => this.#write());
    return this.#settled;
  }

  async #write(): Promise<void> {
    const { items } = await kubectlJson<{ items: Item[] }>('get', 'pods,networkpolicies,namespaces', '-A');
    const rules = [
      '*filter',
      ...['TPE-POLICY', ...DIRECTIONS.map(({ chain }) => chain)].map((chain) => `:${chain} - [0:0]`),
      '-A TPE-POLICY -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN',
      ...DIRECTIONS.map(({ chain }) => `-A TPE-POLICY -m time --datestop ${this.#until} -j ${chain}`),
      ...rulesFor(items),
      'COMMIT\n',
    ];
    await withInput('ip', ['netns', 'exec', 'tpcluster', 'iptables-restore', '--noflush'], rules.join('\n'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch.stdout.removeAllListeners('data');
    this.#watch.kill();
    await this.#settled;
    await remove();
  }
}

async function remove(): Promise<void> {
  await inNode('iptables', '-D', 'FORWARD', '-j', 'TPE-POLICY');
  const chains = ['TPE-POLICY', ...DIRECTIONS.map(({ chain }) => chain)];
  for (const chain of chains) await inNode('iptables', '-F', chain);
  for (const chain of chains) await inNode('iptables', '-X', chain);
}

function rulesFor(items: readonly Item[]): string[] {
  const policies = items.filter(({ kind }) => kind === 'NetworkPolicy');
  const namespaces = new Map(
    items.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => [metadata.name, metadata.labels]),
  );
  // The address of one that has ended may be another's.
  const pods = items.filter(
    ({ status }) => status?.podIP && status.phase !== 'Succeeded' && status.phase !== 'Failed',
  );
  const peers = (namespace: string, { podSelector, namespaceSelector, ...other }: Peer) => {
    if (Object.keys(other).length > 0) throw new Error(`not known here: ${Object.keys(other)}`);
    return pods.filter(
      ({ metadata }) =>
        (namespaceSelector
          ? matches(namespaceSelector, namespaces.get(metadata.namespace))
          : metadata.namespace === namespace) && matches(podSelector ?? {}, metadata.labels),
    );
  };
  return DIRECTIONS.flatMap(({ chain, type, own, peer, rules }) => [
    ...pods.flatMap(({ metadata, status }) => {
      const mine = policies.filter(
        (policy) =>
          policy.metadata.namespace === metadata.namespace &&
          policy.spec.policyTypes.includes(type) &&
          matches(policy.spec.podSelector, metadata.labels),
      );
      const base = `-A ${chain} ${own} ${status?.podIP}`;
      if (mine.length === 0) return [`${base} -j RETURN`];
      return mine.flatMap(rules).flatMap((rule) => {
        if (!rule) return [];
        const others = (rule.to ?? rule.from)?.flatMap((each) => peers(metadata.namespace, each));
        const ends = others?.map((each) => ` ${peer} ${each.status?.podIP}`) ?? [''];
        const ports = rule.ports?.map(
          ({ protocol = 'TCP', port }) => ` -p ${protocol.toLowerCase()} --dport ${port}`,
        ) ?? [''];
        return ends.flatMap((end) => ports.map((port) => `${base}${end}${port} -j RETURN`));
      });
    }),
    `-A ${chain} ${own} ${PODS} -j DROP`,
  ]);
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Record<string, string> = {}) {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator }) => {
      if (operator === 'Exists') return labels[key] !== undefined;
      if (operator === 'DoesNotExist') return labels[key] === undefined;
      throw new Error(`not known here: ${operator}`);
    })
  );
}
