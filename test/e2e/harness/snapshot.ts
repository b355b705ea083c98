import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { kubectlJson } from './cluster.ts';

/** Everything that a session might leave behind, as text that can be compared. */

const run = promisify(execFile);
const linesWith = async (env: NodeJS.ProcessEnv, program: string, ...args: string[]): Promise<string[]> =>
  (await run(program, args, { maxBuffer: 16 * 1024 * 1024, env: { ...process.env, ...env } })).stdout
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .sort();
const lines = (program: string, ...args: string[]) => linesWith({}, program, ...args);

const CLUSTER_KINDS =
  'deployments,statefulsets,daemonsets,replicasets,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings,jobs,poddisruptionbudgets,horizontalpodautoscalers,networkpolicies';

/** Fields that change by themselves, or whenever an object is looked after. */
const VOLATILE = ['resourceVersion', 'managedFields', 'generation'];

interface KubernetesObject {
  kind: string;
  metadata: Record<string, unknown> & { name: string; namespace: string };
  status?: unknown;
}

/** The cluster's objects of all namespaces, without their states. */
export async function clusterObjects(): Promise<Record<string, unknown>> {
  const { items } = await kubectlJson<{ items: KubernetesObject[] }>('get', CLUSTER_KINDS, '-A');
  const entries = items.map(({ status: _status, ...object }) => {
    const metadata = Object.fromEntries(
      Object.entries(object.metadata).filter(([key]) => !VOLATILE.includes(key)),
    );
    return [
      `${object.metadata.namespace}/${object.kind}/${object.metadata.name}`,
      { ...object, metadata },
    ] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Containers, volumes and networks of the host's Docker, or of the one that the variables name. */
export async function dockerObjects(env: NodeJS.ProcessEnv = {}): Promise<Record<string, string[]>> {
  const list = (...args: string[]) => linesWith(env, 'docker', ...args);
  return {
    containers: await list('ps', '-a', '--no-trunc', '--format', '{{.ID}} {{.Names}}'),
    volumes: await list('volume', 'ls', '-q'),
    networks: await list('network', 'ls', '--no-trunc', '--format', '{{.ID}} {{.Name}}'),
  };
}

/** Of the host's network: what Docker makes for its containers is left out, as that is Docker's. */
export async function hostNetwork(): Promise<Record<string, string[]>> {
  // Only root on Linux may look; elsewhere Docker runs in a machine of its own, and the host has no part in it.
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return {};
  const notDocker = (line: string) => !/\bveth|docker-proxy|docker0|\bbr-[0-9a-f]{12}\b|DOCKER/.test(line);
  const plain = async (program: string, ...args: string[]) =>
    (await lines(program, ...args)).filter(notDocker);
  return {
    links: await plain('ip', '-o', 'link', 'show', 'up'),
    routes: await plain('ip', 'route', 'show', 'table', 'all'),
    rules: await plain('ip', 'rule'),
    listening: (await plain('ss', '-Hltnup')).map((line) =>
      line
        .replace(/users:.*/, '')
        .trim()
        .replace(/\s+/g, ' '),
    ),
    firewall: (await plain('iptables-save'))
      .filter((line) => /^-A/.test(line))
      .filter((line) => !/172\.\d+\./.test(line)),
    namespaces: (await lines('ip', 'netns')).filter((name) => !name.startsWith('cni-')),
    resolver: readFileSync('/etc/resolv.conf', 'utf8').split('\n'),
    hosts: readFileSync('/etc/hosts', 'utf8').split('\n'),
  };
}

/** Files and processes of ours on the host. */
export async function hostTraces(): Promise<Record<string, string[]>> {
  const directories = [tmpdir(), process.env.XDG_RUNTIME_DIR].filter((path) => path !== undefined);
  return {
    files: directories.flatMap((path) =>
      readdirSync(path).filter((name) => /^tp-(?!e2e-)[\w.-]+$/.test(name)),
    ),
    processes: (await lines('ps', '-eo', 'args')).filter((line) =>
      /tp\.mjs|\/opt\/tp\/|docker start --attach|docker system dial-stdio/.test(line),
    ),
  };
}

/** All of it, but for listening sockets: those of other programs come and go meanwhile. */
export async function snapshot(): Promise<Record<string, unknown>> {
  const [cluster, docker, { listening: _others, ...network }, traces] = await Promise.all([
    clusterObjects(),
    dockerObjects(),
    hostNetwork(),
    hostTraces(),
  ]);
  return { cluster, docker, network, traces };
}
