import type {
  CoreV1Event,
  V1Container,
  V1ContainerStatus,
  V1Deployment,
  V1ObjectMeta,
  V1Pod,
  V1Service,
} from '@kubernetes/client-node';
import { OWNER, WORKLOAD } from '../labels.ts';
import { proxyContainerOf } from './proxy-log.ts';

/**
 * Objects of the cluster as they may be passed on to a stranger: what is named here and nothing else. Of variables and of
 * others' annotations there are the names.
 */

const PASSED_ON: ReadonlySet<string> = new Set([OWNER, WORKLOAD]);

/** Annotations by their names: their values are anybody's, such as the whole manifest that was applied. */
function metadataOf(metadata: V1ObjectMeta | undefined): object {
  const {
    name,
    namespace,
    uid,
    labels,
    annotations = {},
    creationTimestamp,
    deletionTimestamp,
  } = metadata ?? {};
  const passed = Object.entries(annotations).filter(([key]) => PASSED_ON.has(key));
  const others = Object.keys(annotations).filter((key) => !PASSED_ON.has(key));
  return {
    name,
    namespace,
    uid,
    labels,
    creationTimestamp,
    deletionTimestamp,
    annotations: Object.fromEntries(passed),
    otherAnnotations: others,
  };
}

/** Commands, arguments and probes are left out: people write passwords into them. */
const containerOf = ({
  name,
  image,
  ports,
  resources,
  securityContext,
  env,
  envFrom,
  volumeMounts,
}: V1Container) => ({
  name,
  image,
  ports,
  resources,
  securityContext,
  variables: env?.map((variable) => variable.name),
  variablesFrom: envFrom?.length,
  mounts: volumeMounts?.map(({ mountPath }) => mountPath),
});

/** A pod. */
export function podOf(pod: V1Pod): object {
  const { metadata, spec, status } = pod;
  const proxy = proxyContainerOf(pod);
  const stateOf = (each: V1ContainerStatus) => {
    const { name, ready, restartCount, image, state, lastState } = each;
    // The last words of a sidecar may hold anything.
    const own = name === proxy;
    return {
      name,
      ready,
      restartCount,
      image,
      state: wordsOf(state, own),
      lastState: wordsOf(lastState, own),
    };
  };
  return {
    metadata: metadataOf(metadata),
    node: spec?.nodeName,
    serviceAccount: spec?.serviceAccountName,
    containers: spec?.containers.map(containerOf),
    initContainers: spec?.initContainers?.map(containerOf),
    status: {
      phase: status?.phase,
      reason: status?.reason,
      message: status?.message,
      podIP: status?.podIP,
      startTime: status?.startTime,
      conditions: status?.conditions,
      containers: status?.containerStatuses?.map(stateOf),
      initContainers: status?.initContainerStatuses?.map(stateOf),
    },
  };
}

function wordsOf(state: V1ContainerStatus['state'], withMessage: boolean): object {
  const parts = Object.entries(state ?? {}).filter(([, part]) => part !== undefined);
  return Object.fromEntries(
    parts.map(([kind, part]) => {
      const { message, ...rest } = part as { message?: string };
      return [kind, withMessage ? { message, ...rest } : rest];
    }),
  );
}

/** What a probe or a hook printed is the workload's own. */
const OTHERS_WORDS = /Unhealthy|ProbeWarning|Hook/;

/** An event of a pod. */
export const eventOf = ({
  involvedObject,
  type,
  reason = '',
  message,
  count,
  firstTimestamp,
  lastTimestamp,
}: CoreV1Event) => ({
  object: `${involvedObject.kind}/${involvedObject.name}`,
  type,
  reason,
  message: OTHERS_WORDS.test(reason) ? undefined : message,
  count,
  firstTimestamp,
  lastTimestamp,
});

/** A Deployment. */
export const deploymentOf = ({ metadata, spec, status }: V1Deployment) => ({
  metadata: metadataOf(metadata),
  replicas: spec?.replicas,
  containers: spec?.template.spec?.containers.map(containerOf),
  status,
});

/** A Service. */
export const serviceOf = ({ metadata, spec }: V1Service) => ({
  metadata: metadataOf(metadata),
  type: spec?.type,
  clusterIP: spec?.clusterIP,
  ports: spec?.ports,
  selector: spec?.selector,
});
