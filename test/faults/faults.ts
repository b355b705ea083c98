import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { apply, kubectl, kubectlJson, show } from '../e2e/harness/cluster.ts';
import { docker } from '../e2e/harness/container.ts';
import { ABANDONED } from './abandoned.ts';
import { CLOCK } from './clock.ts';
import { DISK_FULL } from './disk-full.ts';
import { DOCKERD } from './dockerd.ts';
import { DRAINED } from './drained.ts';
import { evict } from './evict.ts';
import type { Fault, Running } from './experiment.ts';
import { LOGIN } from './login.ts';
import { putSelectorBack } from './selector.ts';

/** What can go wrong, as data: the table of docs/faults.md. */

const CLUSTER = `${import.meta.dirname}/../cluster/cluster`;

const cutFor = (seconds: number): Fault => ({
  id: `cut-${seconds}`,
  what: `the link is cut for ${seconds} s`,
  failed: 'none',
  stream: 'survives',
  session: 'goes on',
  async inject({ relay, connectedAgain }) {
    relay.cut();
    await sleep(seconds * 1000);
    relay.restore();
    await connectedAgain();
  },
});

/** With a cut that is noticed after three seconds, it is over long before the link is back: requests under way end, too. */
const givenUp: Fault = {
  ...cutFor(10),
  id: 'cut-limited',
  what: 'the link is cut for 10 s, with `--resume-limit 2`',
  failed: 'in flight',
  stream: 'is given up',
  prepare: async () => ({ flags: ['--resume-limit', '2'] }),
};

/** The agent's process in the network container, as the host sees it. */
async function agentPid(network: string): Promise<string> {
  const lines = (await docker('top', network, '-eo', 'pid,args')).split('\n');
  const [pid = ''] =
    lines
      .find((line) => line.includes('agent.cjs'))
      ?.trim()
      .split(/\s+/) ?? [];
  return pid;
}

/** The proxy's process, as the host sees it. Nobody in the pod may kill its first process. */
async function proxyPid(): Promise<number> {
  const { stdout } = await promisify(execFile)('pgrep', ['--oldest', '--full', 'node /tp-proxy/proxy.mjs']);
  return Number(stdout);
}

const replicas = (count: number) =>
  kubectl('scale', 'deployment/servicename', `--replicas=${count}`).then(() =>
    kubectl('rollout', 'status', 'deployment/servicename', '--timeout=60s'),
  );

interface KubernetesObject {
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
}

/** The target's own objects, which a roll-out makes anew. */
const TARGET = /default\/(Deployment|ReplicaSet|Pod)\/servicename/;

const goesOn = { failed: 'none', stream: 'survives', session: 'goes on' } as const;
const moves = { failed: 'in flight', stream: 'ends', session: 'goes on' } as const;
const ends = { failed: 'in flight', stream: 'ends', session: 'ends' } as const;

const ended = ({ tp }: Running) => tp.exited;

export const FAULTS: readonly Fault[] = [
  cutFor(1),
  cutFor(10),
  cutFor(45),
  givenUp,
  {
    id: 'api-server',
    what: 'the API server is killed, and started again',
    ...goesOn,
    async inject({ connectedAgain }) {
      await show(CLUSTER, 'crash', 'kube-apiserver');
      await show(CLUSTER, 'up');
      await connectedAgain();
    },
  },
  {
    id: 'cli',
    what: '`kill -9` of the CLI',
    ...ends,
    async inject({ tp }) {
      await tp.end('SIGKILL');
      await sleep(3_000);
    },
  },
  {
    id: 'agent',
    what: '`kill -9` of the agent',
    ...moves,
    async inject({ network, connectedAgain }) {
      process.kill(Number(await agentPid(network)), 'SIGKILL');
      await connectedAgain();
    },
  },
  {
    id: 'network-container',
    what: 'the network container is killed',
    ...ends,
    async inject(run) {
      await docker('kill', run.network);
      await ended(run);
    },
  },
  {
    id: 'user-container',
    what: "the user's container is killed",
    ...ends,
    async inject(run) {
      await docker('kill', 'tp-faults');
      await ended(run);
    },
  },
  {
    id: 'pod-deleted',
    what: "the proxy's pod is deleted",
    ...moves,
    async inject({ proxyPod, connectedAgain }) {
      await kubectl('delete', 'pod', '--wait=false', await proxyPod());
      await connectedAgain();
    },
  },
  {
    id: 'proxy-killed',
    what: "the proxy's container is killed",
    ...moves,
    failed: 'until it is back',
    async inject({ connectedAgain }) {
      process.kill(await proxyPid(), 'SIGKILL');
      await connectedAgain();
    },
  },
  {
    id: 'pod-evicted',
    what: "the proxy's pod is evicted",
    ...moves,
    async inject({ proxyPod, connectedAgain }) {
      await evict(await proxyPod());
      await connectedAgain();
    },
  },
  {
    id: 'rolled-out',
    what: 'the target is rolled out',
    ...goesOn,
    changes: TARGET,
    async inject() {
      await kubectl('rollout', 'restart', 'deployment/servicename');
      await kubectl('rollout', 'status', 'deployment/servicename', '--timeout=60s');
    },
  },
  {
    id: 'scaled',
    what: 'the target is scaled to 0 and back',
    ...goesOn,
    changes: TARGET,
    async inject() {
      const { spec } = await kubectlJson<{ spec: { replicas: number } }>('get', 'deployment/servicename');
      await replicas(0);
      await sleep(2_000);
      await replicas(spec.replicas);
    },
  },
  {
    id: 'target-deleted',
    what: 'the target is deleted, and made again',
    ...goesOn,
    changes: TARGET,
    async inject() {
      const target = await kubectlJson<KubernetesObject>('get', 'deployment/servicename');
      await kubectl('delete', 'deployment/servicename');
      await sleep(2_000);
      const { name, labels, annotations } = target.metadata;
      const made = { ...target, status: undefined, metadata: { name, labels, annotations } };
      await apply(JSON.stringify(made));
      await kubectl('rollout', 'status', 'deployment/servicename', '--timeout=60s');
    },
  },
  {
    id: 'selector',
    what: "the Service's selector is put back by someone else",
    ...goesOn,
    inject: ({ tp }) => putSelectorBack(tp),
  },
  {
    id: 'sleep',
    what: 'SIGSTOP of the CLI for 30 s, as in a sleep',
    ...goesOn,
    async inject({ tp, connectedAgain }) {
      tp.child.kill('SIGSTOP');
      await sleep(30_000);
      tp.child.kill('SIGCONT');
      await connectedAgain();
    },
  },
  DRAINED,
  ...ABANDONED,
  ...LOGIN,
  CLOCK,
  DOCKERD,
  DISK_FULL,
];
