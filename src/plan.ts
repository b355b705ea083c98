import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PROXY_BUNDLE, PROXY_CONFIG, type ProxyConfig } from '../images/proxy/config.ts';
import { NODE_IMAGE, PROXY_ASSET } from './assets.ts';
import { cloneNotes } from './clone-notes.ts';
import { cloneDeployment, emptiedVolumes, madeUpUser } from './cluster/clone.ts';
import { environmentOrder } from './cluster/clone-environment.ts';
import type { Replaced } from './cluster/guardian-objects.ts';
import type { Holder } from './cluster/holders.ts';
import type { SessionObjects } from './cluster/objects.ts';
import { podUser } from './cluster/pod-mounts.ts';
import type { LimitedResource } from './cluster/preflight.ts';
import type { ServiceView } from './cluster/services.ts';
import { type VolumeCopy, volumeCopies } from './cluster/volume-copies.ts';
import { isScalable, type Target } from './cluster/workload.ts';
import { TpError } from './errors.ts';
import { evictionNotes } from './evictions.ts';
import type { DockerRunFlags } from './flags.ts';
import { OWNER, type Owner, SESSION, WORKLOAD } from './labels.ts';
import { type LoopbackPorts, loopbackPorts } from './loopback-ports.ts';
import { checkContainers, checkLabels, takenServices } from './plan-checks.ts';
import type { PodUser } from './pod-mount.ts';
import { type PortMapping, podPorts, portMappings } from './port-mappings.ts';

/** What a session will do, decided before anything is changed. Pure but for reading the proxy's bundle. */
export interface SessionPlan extends LoopbackPorts {
  session: string;
  image: string;
  /** As people name it: deployment/servicename, or undefined with --no-workload. */
  workload: string | undefined;
  container: string;
  /** Those of TCP unless said otherwise. */
  ports: PortMapping[];
  services: ServiceView[];
  /** Whether Services that another session holds are taken all the same. */
  evict: boolean;
  fallback: boolean;
  /** How long the connections of a cut link are kept (ms). */
  resumeLimitMs: number;
  /** The workload that is scaled to zero meanwhile. */
  replaced: Replaced | undefined;
  /** On the pod's loopback, where a port-forward leads. */
  tunnelPort: number;
  /** On the pod's address: for the kubelet's probe, and for straight links. */
  healthPort: number;
  objects: SessionObjects;
  /** Volumes that the proxy's pod has only as empty ones. */
  emptied: string[];
  /** Volumes whose content is copied at the start. */
  copies: VolumeCopy[];
  /** The uid that the proxy's pod only has for the proxy's sake. */
  madeUpUser: number | undefined;
  /** Who the process is in the workload's pods. */
  user: PodUser;
  /** What is worth knowing of the clone, a line each. */
  notes: string[];
}

export interface PlanInput {
  session: string;
  /** SHA-256 of the session's token, hex. */
  tokenSha256: string;
  namespace: string;
  image: string;
  flags: DockerRunFlags;
  target: Target | undefined;
  services: readonly ServiceView[];
  /** The sessions that hold some of them already. */
  holders: ReadonlyMap<string, Holder>;
  /** Resources that the namespace's quotas limit. */
  limited: readonly LimitedResource[];
  /** The proxy's image, where it is brought to the cluster. */
  pushed?: { pulled: string } | undefined;
  owner: Owner;
}

/**
 * The proxy's own two ports are the first two of this range that the pod does not use. Below those that a kernel dials from: a
 * dial from the port itself, before the proxy listens, would meet itself and keep the port from it.
 */
const OWN_PORTS_FROM = 27_470;

/** Throws TpError for flags that contradict each other or name what is not there. */
export function planSession(input: PlanInput): SessionPlan {
  const { session, flags, target, namespace } = input;
  const inbound = flags.inbound && target !== undefined;
  const services = inbound ? takenServices(input.services, flags.service) : [];
  const evictions = evictionNotes(services, input.holders, flags.evict);
  checkLabels(services, flags);
  const ports = inbound && target ? portMappings(target, services, flags.port) : [];
  const stand = target ?? ownPod();
  checkContainers(stand, flags);
  const loopback = loopbackPorts(stand, flags, ports);
  const fromPod = loopback.fromPod.map(({ port }) => port);
  const [tunnelPort, healthPort] = ownPorts(stand, [
    ...ports.map(({ pod }) => pod),
    ...fromPod,
    ...loopback.toPod.map(({ port }) => port),
  ]);
  const copies = volumeCopies(stand, flags.volumeCopy);
  // A Service's name, unlike a Deployment's, has no dots.
  const name = `tp-${stand.workload.name.replaceAll('.', '-').slice(0, 40).replace(/-+$/, '')}-${session}`;
  const fallback = flags.fallback && ports.length > 0;
  const resumeLimitMs = Math.round(flags.resumeLimit * 1000);
  const config: ProxyConfig = {
    session,
    tokenSha256: input.tokenSha256,
    tunnelPort,
    healthPort,
    ports: podPorts(ports, undefined),
    udp: podPorts(ports, 'UDP'),
    fromPod: loopback.fromPod,
    ...(fallback ? { fallback: { service: name, namespace } } : {}),
    waitReadyMs: Math.round(flags.waitReady * 1000),
    resumeLimitMs,
    environment: environmentOrder(stand.container),
  };
  const workload = target && `${target.workload.kind}/${target.workload.name}`;
  const annotations = { [OWNER]: JSON.stringify(input.owner), ...(workload ? { [WORKLOAD]: workload } : {}) };
  const metadata = { name, labels: { [SESSION]: session }, annotations };
  const deployment = cloneDeployment(stand, {
    session,
    name,
    configMap: name,
    image: input.pushed?.pulled ?? flags.proxyImage ?? NODE_IMAGE,
    ports: [...config.ports, ...config.udp, ...fromPod],
    healthPort,
    limited: input.limited,
    annotations,
    skipInit: flags.skipInit,
    withoutContainers: flags.withoutContainer,
    copies,
    // Without inbound traffic no Service may find the pod.
    dropLabels: inbound
      ? flags.dropLabel
      : [...flags.dropLabel, ...input.services.flatMap(({ selects }) => selects)],
  });
  return {
    session,
    image: input.image,
    workload,
    container: stand.container.name,
    ports,
    ...loopback,
    services,
    evict: flags.evict,
    fallback,
    resumeLimitMs,
    tunnelPort,
    healthPort,
    emptied: emptiedVolumes(stand),
    copies,
    madeUpUser: madeUpUser(stand),
    user: podUser(stand.workload.template.spec, stand.container),
    notes: [...evictions, ...(target ? cloneNotes(target, flags, copies) : [])],
    replaced: replacedBy(input, `${name}-guardian`, annotations),
    objects: {
      deployment,
      configMap: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata,
        data: { [PROXY_BUNDLE]: readFileSync(PROXY_ASSET, 'utf8'), [PROXY_CONFIG]: JSON.stringify(config) },
      },
      shadow: fallback
        ? {
            apiVersion: 'v1',
            kind: 'Service',
            metadata,
            spec: { clusterIP: 'None', selector: selectorOf(stand.workload) },
          }
        : undefined,
    },
  };
}

/** What --replace scales to zero; nothing where nothing runs. */
function replacedBy(
  { session, flags, target, limited, pushed }: PlanInput,
  name: string,
  annotations: Record<string, string>,
): Replaced | undefined {
  if (!flags.replace) return undefined;
  if (!target) {
    throw new TpError('TP_REPLACE_NONE', '--replace with --no-workload: there is nothing to replace', {
      hint: '--workload deployment/NAME',
    });
  }
  const { kind, name: workload, replicas } = target.workload;
  if (!isScalable(kind)) {
    throw new TpError('TP_REPLACE_NONE', `--replace: a ${kind} cannot be scaled to zero`, {
      hint: 'leave --replace out: the Services are taken all the same',
    });
  }
  if (replicas === 0) return undefined;
  const image = pushed?.pulled ?? flags.proxyImage ?? NODE_IMAGE;
  return { session, name, kind, workload, replicas, image, limited, annotations };
}

/** What a Service selects to find the workload's pods: expressions are beyond it, their labels are not. */
function selectorOf({ selector, template }: Target['workload']): Record<string, string> {
  const { matchLabels = {} } = selector;
  return Object.keys(matchLabels).length > 0 ? matchLabels : (template.metadata?.labels ?? {});
}

/** The hash of a token that the cluster may know. */
export const hashOf = (token: Buffer): string => createHash('sha256').update(token).digest('hex');

function ownPorts({ workload }: Target, taken: readonly number[]): [number, number] {
  const { containers = [], initContainers = [] } = workload.template.spec ?? {};
  const declared = [...containers, ...initContainers].flatMap((each) => each.ports ?? []);
  const used = new Set([...declared.map(({ containerPort }) => containerPort), ...taken]);
  const free: number[] = [];
  for (let port = OWN_PORTS_FROM; free.length < 2; port++) if (!used.has(port)) free.push(port);
  return free as [number, number];
}

/** What --no-workload runs: nothing but the proxy, with the namespace's default service account. */
function ownPod(): Target {
  const container = { name: 'tp' };
  const template = { spec: { containers: [container] } };
  const workload = {
    kind: 'deployment',
    name: 'alone',
    uid: '',
    selector: {},
    template,
    replicas: 0,
    claims: [],
  } as const;
  return { workload: { ...workload, claims: [] }, container };
}
