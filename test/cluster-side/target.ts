import type { V1Container, V1PodSpec, V1PodTemplateSpec } from '@kubernetes/client-node';
import type { Target, Workload } from '../../src/cluster/workload.ts';

export interface TargetOptions {
  kind?: Workload['kind'];
  name?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  claims?: string[];
  /** Of the app's container. */
  container?: Partial<V1Container>;
  spec?: Partial<V1PodSpec>;
  sidecars?: V1Container[];
}

/** A workload whose pod runs `examplecom/servicename` as container `app` on port 8080. */
export function target(options: TargetOptions = {}): Target {
  const { kind = 'deployment', name = 'servicename', labels = { app: 'servicename' } } = options;
  const container: V1Container = {
    name: 'app',
    image: 'examplecom/servicename:1.0',
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    ...options.container,
  };
  const template: V1PodTemplateSpec = {
    metadata: { labels, ...(options.annotations ? { annotations: options.annotations } : {}) },
    spec: { containers: [container, ...(options.sidecars ?? [])], ...options.spec },
  };
  const workload: Workload = {
    kind,
    name,
    uid: `uid-${name}`,
    selector: { matchLabels: labels },
    template,
    replicas: 2,
    claims: options.claims ?? [],
  };
  return { workload, container };
}

export const sidecar = (name: string, more: Partial<V1Container> = {}): V1Container => ({
  name,
  image: `sidecars/${name}:1`,
  ...more,
});
