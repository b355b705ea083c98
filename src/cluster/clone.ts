import type {
  V1Container,
  V1ContainerPort,
  V1Deployment,
  V1EnvVar,
  V1PodSpec,
  V1PodTemplateSpec,
  V1SecurityContext,
  V1Volume,
  V1VolumeMount,
} from '@kubernetes/client-node';
import {
  ENVIRONMENT_PREFIX,
  POD_ADDRESSES_VARIABLE,
  PROXY_BUNDLE,
  PROXY_DIRECTORY,
  SOURCES_PREFIX,
} from '../../images/proxy/config.ts';
import { TpError } from '../errors.ts';
import { SESSION } from '../labels.ts';
import { downwardFiles } from './clone-downward.ts';
import { cloneEnvironment } from './clone-environment.ts';
import { isNativeSidecar } from './native-sidecar.ts';
import type { LimitedResource } from './preflight.ts';
import { besideOriginals, staysBehind, type VolumeCopy } from './volume-copies.ts';
import type { Target } from './workload.ts';

/** What a proxy uses: measured at 1,000 connections, with room. No CPU limit, for it would throttle the traffic. */
export const PROXY_REQUESTS = { cpu: '50m', memory: '96Mi' };

/** Where a quota demands limits: a core, and twice what was measured. */
export const PROXY_LIMITS: Readonly<Record<LimitedResource, string>> = { cpu: '1', memory: '256Mi' };

/** The proxy serves until a successor is ready, with init containers as slow as most are (s). */
const GRACE_SECONDS = 60;

/** A uid that no image means anything by, for pods that give none. */
const NON_ROOT_UID = 65_534;

/** The volume of the proxy's own program. */
export const CONFIG_VOLUME = 'tp-proxy';

/** Ports below this need a privilege, or the sysctl that lowers the bound. */
const PRIVILEGED_PORTS_END = 1024;
const LOW_PORTS_SYSCTL = { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' };

export interface CloneOptions {
  session: string;
  name: string;
  configMap: string;
  image: string;
  /** What the proxy listens on. */
  ports: readonly number[];
  healthPort: number;
  /** Resources for which the pod needs limits. */
  limited: readonly LimitedResource[];
  annotations: Record<string, string>;
  skipInit: boolean;
  withoutContainers: readonly string[];
  dropLabels: readonly string[];
  /** Volumes that are mounted for real, to be copied. */
  copies?: readonly VolumeCopy[];
}

/** The Deployment that stands in for a pod of the target. Throws TpError for a pod that cannot be stood in for. */
export function cloneDeployment(target: Target, options: CloneOptions): V1Deployment {
  const { template } = target.workload;
  if (template.spec?.hostNetwork) {
    throw new TpError(
      'TP_HOST_NETWORK',
      `${target.workload.name} uses the node's network: nothing can stand in for it`,
    );
  }
  const labels = Object.entries(template.metadata?.labels ?? {}).filter(
    ([key]) => !options.dropLabels.includes(key),
  );
  const files = downwardFiles(template.spec?.volumes ?? [], target.container);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: options.name,
      labels: { [SESSION]: options.session },
      annotations: options.annotations,
    },
    spec: {
      replicas: 1,
      revisionHistoryLimit: 0,
      selector: { matchLabels: { [SESSION]: options.session } },
      template: {
        metadata: {
          labels: { ...Object.fromEntries(labels), [SESSION]: options.session },
          annotations: { ...template.metadata?.annotations, ...files.annotations },
        },
        spec: clonePod(template, files.volumes, target, options),
      },
    },
  };
}

function clonePod(
  template: V1PodTemplateSpec,
  volumes: readonly V1Volume[],
  target: Target,
  options: CloneOptions,
): V1PodSpec {
  const {
    nodeName: _node,
    readinessGates: _gates,
    // What a Job says of its pods' end, and a Deployment may not.
    restartPolicy: _restart,
    activeDeadlineSeconds: _deadline,
    ...spec
  } = template.spec ?? { containers: [] };
  const { copies = [] } = options;
  const keep = ({ name }: V1Container) => !options.withoutContainers.includes(name);
  const uid = namedUser(target);
  const containers = spec.containers
    .filter((each) => each.name === target.container.name || keep(each))
    .map((each) =>
      each.name === target.container.name ? proxyContainer(each, uid, options) : withoutHostPorts(each),
    );
  // For root too: without its capabilities it may no more than others.
  const lowPort = options.ports.some((port) => port < PRIVILEGED_PORTS_END);
  const otherSysctls = (spec.securityContext?.sysctls ?? []).filter(
    ({ name }) => name !== LOW_PORTS_SYSCTL.name,
  );
  return {
    ...spec,
    containers,
    initContainers: initContainers(spec, options),
    volumes: [
      ...cloneVolumes(volumes, target.workload.claims, copies),
      ...copies.flatMap(({ source }) => source ?? []),
      configVolume(options.configMap),
    ],
    affinity: copies.length > 0 ? besideOriginals(spec.affinity, target) : spec.affinity,
    securityContext: {
      ...spec.securityContext,
      sysctls: lowPort ? [...otherSysctls, LOW_PORTS_SYSCTL] : spec.securityContext?.sysctls,
    },
    terminationGracePeriodSeconds: Math.max(spec.terminationGracePeriodSeconds ?? 0, GRACE_SECONDS),
  };
}

function initContainers(spec: V1PodSpec, options: CloneOptions): V1Container[] | undefined {
  return spec.initContainers
    ?.filter((each) => isNativeSidecar(each) || !options.skipInit)
    .filter(({ name }) => !options.withoutContainers.includes(name))
    .map(withoutHostPorts);
}

/** Ports of a container without the node's part, which two pods on one node could not share. */
const podPorts = (ports: V1ContainerPort[] | undefined): V1ContainerPort[] | undefined =>
  ports?.map(({ hostPort: _hostPort, hostIP: _hostIp, ...port }) => port);

const withoutHostPorts = (container: V1Container): V1Container => ({
  ...container,
  ports: podPorts(container.ports),
});

function proxyContainer(target: V1Container, uid: number | undefined, options: CloneOptions): V1Container {
  const podAddresses: V1EnvVar = {
    name: POD_ADDRESSES_VARIABLE,
    valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } },
  };
  return {
    name: target.name,
    image: options.image,
    imagePullPolicy: 'IfNotPresent',
    command: ['node', `${PROXY_DIRECTORY}/${PROXY_BUNDLE}`],
    env: [podAddresses, ...cloneEnvironment(target)],
    envFrom: target.envFrom?.map((source) => ({
      ...source,
      prefix: SOURCES_PREFIX + (source.prefix ?? ''),
    })),
    ports: podPorts(target.ports),
    resources: {
      requests: PROXY_REQUESTS,
      limits: Object.fromEntries(options.limited.map((resource) => [resource, PROXY_LIMITS[resource]])),
    },
    volumeMounts: [
      ...(target.volumeMounts ?? []).map((mount) => copiedMount(renamedReferences(mount, target), options)),
      { name: CONFIG_VOLUME, mountPath: PROXY_DIRECTORY, readOnly: true },
    ],
    readinessProbe: {
      httpGet: { path: '/', port: options.healthPort },
      periodSeconds: 1,
      timeoutSeconds: 2,
      failureThreshold: 2,
    },
    securityContext: proxySecurity(target.securityContext, uid),
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

/** A mount whose path names variables of the container, which are under the prefix in the proxy's. */
function renamedReferences(mount: V1VolumeMount, { env = [] }: V1Container): V1VolumeMount {
  const { subPathExpr } = mount;
  if (subPathExpr === undefined) return mount;
  const renamed = subPathExpr.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name?: string) =>
    env.some((variable) => variable.name === name) ? `$(${ENVIRONMENT_PREFIX}${name})` : whole,
  );
  return { ...mount, subPathExpr: renamed };
}

/** A copied volume's mount is the real volume's, and only for reading. */
function copiedMount(mount: V1VolumeMount, { copies = [] }: CloneOptions): V1VolumeMount {
  const copy = copies.find(({ volume }) => volume === mount.name);
  if (!copy) return mount;
  const { mountPropagation: _propagation, ...rest } = mount; // one that goes both ways is for the privileged
  return { ...rest, name: copy.as, readOnly: true };
}

/** As little as the "restricted" profile of PodSecurity asks for, with the target's own user and group. */
function proxySecurity(own: V1SecurityContext | undefined, uid: number | undefined): V1SecurityContext {
  return {
    runAsUser: uid ?? NON_ROOT_UID,
    runAsGroup: own?.runAsGroup,
    runAsNonRoot: uid !== 0,
    seLinuxOptions: own?.seLinuxOptions,
    seccompProfile: own?.seccompProfile ?? { type: 'RuntimeDefault' },
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  };
}

const configVolume = (configMap: string): V1Volume => ({
  name: CONFIG_VOLUME,
  configMap: { name: configMap },
});

/** Volumes that only one pod or one node can have become empty ones. */
function cloneVolumes(
  volumes: readonly V1Volume[],
  claims: readonly string[],
  copies: readonly VolumeCopy[],
): V1Volume[] {
  const own = ownVolumes(copies);
  return [
    ...volumes
      .filter(({ name }) => !claims.includes(name)) // a claim goes before a volume of its name
      .map((volume) =>
        staysBehind(volume) && !own.has(volume.name) ? { name: volume.name, emptyDir: {} } : volume,
      ),
    ...claims.map((name) => ({ name, emptyDir: {} })),
  ];
}

/** Those to be copied that the proxy's pod has to itself, under their own name. */
const ownVolumes = (copies: readonly VolumeCopy[]): ReadonlySet<string> =>
  new Set(copies.filter(({ source }) => source === undefined).map(({ volume }) => volume));

/** The uid that the pod itself names for the container. */
const namedUser = ({ workload, container }: Target): number | undefined =>
  container.securityContext?.runAsUser ?? workload.template.spec?.securityContext?.runAsUser;

/** The uid that the proxy runs as although the pod names none; undefined where it names one. */
export const madeUpUser = (target: Target): number | undefined =>
  namedUser(target) === undefined ? NON_ROOT_UID : undefined;

/** Names of the volumes that the clone has only as empty ones. */
export const emptiedVolumes = ({ workload }: Target): string[] => [
  ...new Set([
    ...(workload.template.spec?.volumes ?? []).filter(staysBehind).map(({ name }) => name),
    ...workload.claims,
  ]),
];
