import { isIP } from 'node:net';
import { InvalidArgumentError, Option } from 'commander';
import ipaddr from 'ipaddr.js';
import { parseVolumeCopy } from './cluster/volume-copies.ts';
import { RESUME_LIMIT_MS } from './tunnel/limits.ts';

/** Which cluster and namespace, as kubectl is told. */
export interface ClusterFlags {
  namespace?: string;
  context?: string;
  kubeconfig?: string;
}

/** tp's own flags, declared once: the parser, the split of the `docker run` line, help and completion use this. */
export interface DockerRunFlags extends ClusterFlags {
  workload?: string | false;
  container?: string;
  inbound: boolean;
  evict: boolean;
  replace: boolean;
  service: string[];
  fallback: boolean;
  /** Seconds. */
  waitReady: number;
  /** Seconds. */
  resumeLimit: number;
  skipInit: boolean;
  withoutContainer: string[];
  dropLabel: string[];
  port: string[];
  toPod: string[];
  fromPod: string[];
  localCidr: string[];
  localName: string[];
  unset: string[];
  volumeCopy: string[];
  networkImage?: string;
  proxyImage?: string;
  pushProxyImage: boolean;
  poll: boolean;
  watch: string[];
  sync: string[];
  build?: string;
  dryRun: boolean;
  output?: 'yaml';
}

/** A connection waits this long (s) for a process that has listened before: slow ones need it to start. */
const WAIT_READY_S = 15;

/** A DNS name as text is no longer (RFC 1035). */
const MAX_NAME = 253;

/** Longer than this (s) nobody waits. */
export const MAX_SECONDS = 3_600;

function seconds(value: string): number {
  const number = Number(value);
  if (/^\d+(\.\d+)?$/.test(value) && number <= MAX_SECONDS) return number;
  throw new InvalidArgumentError(`It is a number of seconds, at most ${MAX_SECONDS}.`);
}

const several = (value: string, before: string[]): string[] => [...before, value];
const list = (flags: string, description: string) =>
  new Option(flags, description).argParser(several).default([], 'none');

function variable(value: string, before: string[]): string[] {
  if (value !== '' && !value.includes('=')) return [...before, value];
  throw new InvalidArgumentError('It is the name of a variable, without a value.');
}

/** A range as routes take it, or one address. */
function range(value: string, before: string[]): string[] {
  const [address = '', bits] = value.split('/');
  const family = isIP(address);
  if (family === 0 || (bits !== undefined && !ipaddr.isValidCIDR(value)))
    throw new InvalidArgumentError('It is a range of addresses, such as 192.168.10.0/24.');
  if (bits === undefined) return [...before, value];
  const first = ipaddr[family === 4 ? 'IPv4' : 'IPv6'].networkAddressFromCIDR(value).toString();
  if (first === ipaddr.parse(address).toString()) return [...before, value];
  throw new InvalidArgumentError(`It is within a range: ${first}/${bits}.`);
}

/** A host's name (RFC 1123), with the underscores that some have; a name of numbers alone is an address. */
function hostName(value: string, before: string[]): string[] {
  const name = value.toLowerCase().replace(/\.$/, '');
  const labels = name.split('.');
  const fine = labels.every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label));
  if (fine && name.length <= MAX_NAME && !/^\d+$/.test(labels.at(-1) ?? '')) return [...before, name];
  throw new InvalidArgumentError('It is the whole name of a host, such as git.example.com.');
}

function volume(value: string, before: string[]): string[] {
  if (parseVolumeCopy(value)) return [...before, value];
  throw new InvalidArgumentError('It is NAME or NAME=SIZE, such as data=500Mi.');
}

/** Flags of every command that works in a namespace. */
export const CLUSTER_FLAGS: readonly Option[] = [
  new Option('-n, --namespace <name>', "the namespace (the context's own)"),
  new Option('--context <name>', 'the kubeconfig context (the current one)'),
  new Option('--kubeconfig <file>', 'the kubeconfig (the files of KUBECONFIG, or ~/.kube/config)'),
];

export const DOCKER_RUN_FLAGS: readonly Option[] = [
  ...CLUSTER_FLAGS,
  new Option('--workload <kind/name>', 'the workload to stand in for (the one that runs the image)'),
  new Option('--no-workload', 'stand in for none: a pod of our own, with DNS and outbound traffic'),
  new Option('--container <name>', "which of the pod's containers"),
  new Option('--no-inbound', 'take no traffic: environment, DNS and outbound only'),
  new Option('--evict', 'take Services that another session holds; that session ends').default(false),
  new Option('--replace', 'scale the original pods to zero meanwhile: for consumers and singletons').default(
    false,
  ),
  list('--service <name>', 'take this Service over too, although it is not by default (repeatable)'),
  new Option('--no-fallback', 'do not forward to the original pods when nobody answers here'),
  new Option('--wait-ready <seconds>', 'how long callers wait for a process that restarts')
    .argParser(seconds)
    .default(WAIT_READY_S),
  new Option('--resume-limit <seconds>', 'how long open connections outlive a cut link')
    .argParser(seconds)
    .default(RESUME_LIMIT_MS / 1000),
  new Option('--skip-init', "leave out the pod's init containers, such as migrations").default(false),
  list(
    '--without-container <name>',
    'leave out this sidecar, such as one that consumes a queue (repeatable)',
  ),
  list('--drop-label <key>', "leave this label off the proxy's pod (repeatable)"),
  list(
    '--port <process:pod>',
    "the process's port that answers for the pod's port, with `/udp` for UDP (repeatable)",
  ),
  list(
    '--to-pod <port>',
    'reach this port of a sidecar at 127.0.0.1, though it does not declare it; 8125/udp for UDP (repeatable)',
  ),
  list(
    '--from-pod <port>',
    'have sidecars reach this port of the process at 127.0.0.1; 8125/udp for UDP (repeatable)',
  ),
  list(
    '--local-cidr <range>',
    'reach this range from the laptop instead of the cluster (repeatable)',
  ).argParser(range),
  list(
    '--local-name <name>',
    "ask the laptop's resolver for this name, and reach it from the laptop (repeatable)",
  ).argParser(hostName),
  list(
    '--unset <name>',
    "leave this variable of the pod's out; `-e` gives one another value (repeatable)",
  ).argParser(variable),
  list(
    '--volume-copy <volume>',
    'copy this volume at the start, NAME or NAME=SIZE, at most 1Gi by default (repeatable)',
  ).argParser(volume),
  new Option('--network-image <image>', 'a prebuilt network image (built on first use)'),
  new Option('--proxy-image <image>', 'an image with Node for the proxy (the official slim one)'),
  new Option(
    '--push-proxy-image',
    "bring the proxy's image to the registry that the cluster announces",
  ).default(false),
  new Option('--poll', 'have programs that reload look at files, where no file events come').default(false),
  list('--watch <path>', "start the container's process anew when files here change (repeatable)"),
  list('--sync <src:dst>', 'copy files into the container, and again when they change (repeatable)'),
  new Option('--build <dir>', 'build the image first, and again when files here change'),
  new Option('--dry-run', 'print the plan and change nothing').default(false),
  new Option('--output <format>', 'with --dry-run: the exact objects and patches').choices(['yaml']),
];

/** Flags that choose what a command does with the session itself. */
const OF_DOCKER_RUN: ReadonlySet<string> = new Set([
  '--workload',
  '--no-workload',
  '--poll',
  '--watch',
  '--sync',
  '--build',
  '--dry-run',
  '--output',
]);

/** Flags of `tp up`, whose workloads are arguments. */
export const UP_FLAGS: readonly Option[] = DOCKER_RUN_FLAGS.filter(
  ({ long }) => !OF_DOCKER_RUN.has(long ?? ''),
);

/** Flags of `tp env`, which makes a pod for a moment. */
export const ENV_FLAGS: readonly Option[] = DOCKER_RUN_FLAGS.filter(
  (option) =>
    CLUSTER_FLAGS.includes(option) ||
    /^--(container|skip-init|without-container|drop-label|unset|proxy-image|push-proxy-image)$/.test(
      option.long ?? '',
    ),
);

/** Flags of a session that takes no traffic, where `given` says nothing else. */
export function withoutTraffic(given: Partial<DockerRunFlags>): DockerRunFlags {
  const defaults = DOCKER_RUN_FLAGS.map((option) => [option.attributeName(), option.defaultValue]);
  return { ...Object.fromEntries(defaults), ...given, inbound: false, fallback: false };
}

/** Flags of `tp doctor`: what a session would be started with, as far as a check depends on it. */
export const DOCTOR_FLAGS: readonly Option[] = DOCKER_RUN_FLAGS.filter(
  (option) =>
    CLUSTER_FLAGS.includes(option) || /^--(workload|network-image|proxy-image)$/.test(option.long ?? ''),
);

/** The flags' names as they are written, with whether each takes a value. */
export function flagNames(options: readonly Option[]): Map<string, boolean> {
  const names = new Map<string, boolean>();
  for (const option of options) {
    for (const name of [option.short, option.long]) if (name) names.set(name, option.required);
  }
  return names;
}
