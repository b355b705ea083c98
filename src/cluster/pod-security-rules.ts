import type { V1Container, V1PodSpec, V1SecurityContext } from '@kubernetes/client-node';

/**
 * What a level of PodSecurity finds wrong with a pod, as far as it concerns what people write into pods (kubernetes:
 * pod-security-admission/policy). The API server's word is final; this one needs no right to create pods.
 */

export type EnforcedLevel = 'privileged' | 'baseline' | 'restricted';

/** Capabilities that every container may add (policy: check_capabilities_baseline). */
const HARMLESS_CAPABILITIES: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

/** Volumes of "restricted" (policy: check_restrictedVolumes). */
const PLAIN_VOLUMES: ReadonlySet<string> = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

type Security = V1SecurityContext | undefined;
type Rule = readonly [
  words: string,
  broken: (own: Security, pod: V1PodSpec, container: V1Container) => boolean,
];

const BASELINE: readonly Rule[] = [
  ['privileged', (own) => own?.privileged === true],
  [
    'adds capabilities',
    (own) => (own?.capabilities?.add ?? []).some((name) => !HARMLESS_CAPABILITIES.has(name)),
  ],
  ['hostPort', (_own, _pod, { ports }) => (ports ?? []).some(({ hostPort }) => (hostPort ?? 0) > 0)],
  ['unmasks /proc', (own) => own?.procMount !== undefined && own.procMount !== 'Default'],
  ['seccompProfile Unconfined', (own, pod) => seccompOf(own, pod) === 'Unconfined'],
];

const RESTRICTED: readonly Rule[] = [
  ['allowPrivilegeEscalation is not false', (own) => own?.allowPrivilegeEscalation !== false],
  ['does not drop all capabilities', (own) => !(own?.capabilities?.drop ?? []).includes('ALL')],
  ['adds capabilities', (own) => (own?.capabilities?.add ?? []).some((name) => name !== 'NET_BIND_SERVICE')],
  [
    'runAsNonRoot is not true',
    (own, { securityContext }) => !(own?.runAsNonRoot ?? securityContext?.runAsNonRoot),
  ],
  ['runAsUser is 0', (own, { securityContext }) => (own?.runAsUser ?? securityContext?.runAsUser) === 0],
  ['no seccompProfile', (own, pod) => seccompOf(own, pod) === undefined],
];

const seccompOf = (own: Security, { securityContext }: V1PodSpec): string | undefined =>
  (own?.seccompProfile ?? securityContext?.seccompProfile)?.type;

/** What is wrong with the pod, a line each: `container NAME: why`. */
export function violationsOf(pod: V1PodSpec, level: EnforcedLevel): string[] {
  if (level === 'privileged') return [];
  const rules = level === 'baseline' ? BASELINE : [...BASELINE, ...RESTRICTED];
  const containers = [...(pod.initContainers ?? []), ...pod.containers];
  const ofContainers = containers.flatMap((container) => {
    const broken = rules.filter(([, isBroken]) => isBroken(container.securityContext, pod, container));
    const words = [...new Set(broken.map(([text]) => text))].join(', ');
    return words === '' ? [] : [`container ${container.name}: ${words}`];
  });
  return [...ofPod(pod, level), ...ofContainers];
}

function ofPod(pod: V1PodSpec, level: EnforcedLevel): string[] {
  const shared = ['hostNetwork', 'hostPID', 'hostIPC'].filter(
    (name) => pod[name as keyof V1PodSpec] === true,
  );
  const volumes = (pod.volumes ?? []).filter(({ name: _name, ...kinds }) =>
    Object.entries(kinds).some(
      ([kind, value]) =>
        value !== undefined && (kind === 'hostPath' || (level === 'restricted' && !PLAIN_VOLUMES.has(kind))),
    ),
  );
  return [...shared.map((name) => `pod: ${name}`), ...volumes.map(({ name }) => `pod: volume ${name}`)];
}
