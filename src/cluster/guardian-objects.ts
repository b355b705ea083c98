import type {
  V1Container,
  V1Deployment,
  V1Lease,
  V1OwnerReference,
  V1PolicyRule,
} from '@kubernetes/client-node';
import {
  GUARDIAN_BUNDLE,
  GUARDIAN_CONFIG,
  GUARDIAN_DIRECTORY,
  GUARDIAN_HEALTH_PORT,
  type GuardianConfig,
} from '../../images/guardian/config.ts';
import { GUARDED, WORKLOAD } from '../labels.ts';
import type { LimitedResource } from './preflight.ts';
import type { ScalableKind } from './workload.ts';

/** A lease that was not renewed for so long (s) has run out: as long as a session's connections survive a cut link. */
export const LEASE_SECONDS = 60;

/** What it uses: a small process that asks for one object every two seconds. */
const REQUESTS = { cpu: '5m', memory: '48Mi' };
const LIMITS: Readonly<Record<LimitedResource, string>> = { cpu: '200m', memory: '96Mi' };

/** A uid that no image means anything by. */
const NON_ROOT_UID = 65_534;

const VOLUME = 'tp-guardian';
export const GUARDIAN_CONTAINER = 'guardian';

/** How many replicas the workload had, on the lease: whoever ends the session reads it there. */
export const REPLICAS = 'tp/replicas';

/** The workload that is scaled to zero, and what brings it back. */
export interface Replaced {
  session: string;
  /** Of the lease and of all that belongs to it. */
  name: string;
  kind: ScalableKind;
  workload: string;
  replicas: number;
  image: string;
  limited: readonly LimitedResource[];
  /** Whose it is, as on the session's other objects. */
  annotations: Record<string, string>;
}

const labelsOf = ({ session }: Replaced) => ({ [GUARDED]: session });

/** The lease: the session renews it, and all other objects go with it. `renewed` is the time now. */
export const leaseOf = (replaced: Replaced): V1Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {
    name: replaced.name,
    labels: labelsOf(replaced),
    annotations: {
      ...replaced.annotations,
      [WORKLOAD]: `${replaced.kind}/${replaced.workload}`,
      [REPLICAS]: `${replaced.replicas}`,
    },
  },
  spec: { holderIdentity: replaced.session, leaseDurationSeconds: LEASE_SECONDS },
});

/** The patch that makes the originals go. It fails where somebody has scaled them meanwhile. */
export const toZero = ({ replicas }: Pick<Replaced, 'replicas'>) => [
  { op: 'test', path: '/spec/replicas', value: replicas },
  { op: 'replace', path: '/spec/replicas', value: 0 },
];

/** Everything but the lease; `bundle` is the guardian's program. */
export function guardianObjects(replaced: Replaced, bundle: string, owner: V1OwnerReference | undefined) {
  const { name, kind, workload, replicas } = replaced;
  const metadata = { name, labels: labelsOf(replaced), ...(owner && { ownerReferences: [owner] }) };
  const resource = `${kind}s`;
  const config: GuardianConfig = { lease: name, resource, name: workload, replicas };
  const rules: V1PolicyRule[] = [
    {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      resourceNames: [name],
      verbs: ['get', 'patch'],
    },
    {
      apiGroups: ['apps'],
      resources: [`${resource}/scale`],
      resourceNames: [workload],
      verbs: ['get', 'patch'],
    },
  ];
  return {
    account: { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    role: { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules },
    binding: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name }],
    },
    configMap: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { [GUARDIAN_BUNDLE]: bundle, [GUARDIAN_CONFIG]: JSON.stringify(config) },
    },
    deployment: { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deploymentSpec(replaced) },
  };
}

function deploymentSpec(replaced: Replaced): V1Deployment['spec'] {
  const labels = labelsOf(replaced);
  return {
    replicas: 1,
    revisionHistoryLimit: 0,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        serviceAccountName: replaced.name,
        terminationGracePeriodSeconds: 1,
        containers: [guardianContainer(replaced)],
        volumes: [{ name: VOLUME, configMap: { name: replaced.name } }],
      },
    },
  };
}

const guardianContainer = ({ image, limited }: Replaced): V1Container => ({
  name: GUARDIAN_CONTAINER,
  image,
  imagePullPolicy: 'IfNotPresent',
  command: ['node', `${GUARDIAN_DIRECTORY}/${GUARDIAN_BUNDLE}`],
  resources: {
    requests: REQUESTS,
    limits: Object.fromEntries(limited.map((resource) => [resource, LIMITS[resource]])),
  },
  volumeMounts: [{ name: VOLUME, mountPath: GUARDIAN_DIRECTORY, readOnly: true }],
  readinessProbe: { httpGet: { path: '/', port: GUARDIAN_HEALTH_PORT }, periodSeconds: 1 },
  // What the "restricted" profile of PodSecurity asks for.
  securityContext: {
    runAsUser: NON_ROOT_UID,
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  },
  terminationMessagePolicy: 'FallbackToLogsOnError',
});
