import { PassThrough } from 'node:stream';
import {
  ApiException,
  type V1ConfigMap,
  type V1CronJob,
  type V1DaemonSet,
  type V1Deployment,
  type V1Job,
  type V1Pod,
  type V1ReplicaSet,
  type V1Service,
  type V1StatefulSet,
} from '@kubernetes/client-node';
import type { Cluster } from '../../src/cluster/client.ts';

interface Stored {
  metadata?: { name?: string; uid?: string; labels?: Record<string, string>; resourceVersion?: string };
}

/** What a request was: the verb, the kind, the name if it has one. */
export type Request = string;

/** An error as the API server sends it. */
export const refusal = (code: number, message: string) =>
  new ApiException(code, message, JSON.stringify({ kind: 'Status', message }), {});

const matches = (labels: Record<string, string>, selector = ''): boolean =>
  selector
    .split(',')
    .filter((part) => part !== '')
    .every((part) => {
      const [key = '', value] = part.replace(/^!/, '').split('=');
      if (part.startsWith('!')) return !(key in labels);
      return value === undefined ? key in labels : labels[key] === value;
    });

/** Objects of one kind, by name. */
class Store<T extends Stored> {
  readonly items = new Map<string, T>();
  readonly #kind: string;
  readonly #cluster: FakeCluster;

  constructor(cluster: FakeCluster, kind: string) {
    this.#cluster = cluster;
    this.#kind = kind;
  }

  add(...objects: T[]): void {
    for (const object of objects) this.items.set(object.metadata?.name ?? '', structuredClone(object));
  }

  readonly list = async ({ labelSelector }: { labelSelector?: string }) => {
    await this.#cluster.request(`list ${this.#kind}`);
    const items = [...this.items.values()].filter(({ metadata }) =>
      matches(metadata?.labels ?? {}, labelSelector),
    );
    return { items: structuredClone(items) };
  };

  readonly read = async ({ name }: { name: string }) => {
    await this.#cluster.request(`read ${this.#kind} ${name}`);
    return structuredClone(this.get(name));
  };

  readonly create = async ({ body }: { body: T }) => {
    await this.#cluster.request(`create ${this.#kind} ${body.metadata?.name}`);
    if (this.items.has(body.metadata?.name ?? '')) throw refusal(409, 'it exists');
    this.add(body);
    return body;
  };

  readonly delete = async ({ name }: { name: string }) => {
    await this.#cluster.request(`delete ${this.#kind} ${name}`);
    this.get(name);
    this.items.delete(name);
    return {};
  };

  get(name: string): T {
    const found = this.items.get(name);
    if (!found) throw refusal(404, `${this.#kind} "${name}" not found`);
    return found;
  }
}

type Operation = { op: string; path: string; value?: unknown };

/** A namespace in memory, with as much of the API as tp uses and the rules that it relies on. */
export class FakeCluster {
  readonly requests: Request[] = [];
  /** Called before a request is carried out; what it throws is the answer. */
  before: (request: Request) => void | Promise<void> = () => {};
  readonly services = new Store<V1Service>(this, 'service');
  readonly configMaps = new Store<V1ConfigMap>(this, 'configmap');
  readonly pods = new Store<V1Pod>(this, 'pod');
  readonly deployments = new Store<V1Deployment>(this, 'deployment');
  readonly replicaSets = new Store<V1ReplicaSet>(this, 'replicaset');
  readonly statefulSets = new Store<V1StatefulSet>(this, 'statefulset');
  readonly daemonSets = new Store<V1DaemonSet>(this, 'daemonset');
  readonly jobs = new Store<V1Job>(this, 'job');
  readonly cronJobs = new Store<V1CronJob>(this, 'cronjob');
  /** Lists that only the preflight reads. */
  readonly advice: Record<'budgets' | 'scalers' | 'quotas' | 'limitRanges', unknown[] | Error> = {
    budgets: [],
    scalers: [],
    quotas: [],
    limitRanges: [],
  };
  /** What the reviews of access say. */
  readonly rights: { rules: unknown[]; allowed: (verb: string, resource: string) => boolean } = {
    rules: [],
    allowed: () => true,
  };

  /** What containers said, by pod. */
  readonly logs = new Map<string, string>();

  async request(request: Request): Promise<void> {
    this.requests.push(request);
    await this.before(request);
  }

  /** The selector of a Service as it is now. */
  selector(name: string): Record<string, string> {
    return this.services.get(name).spec?.selector ?? {};
  }

  readonly #patchService = async ({ name, body }: { name: string; body: Operation[] | V1Service }) => {
    await this.request(`patch service ${name}`);
    const service = this.services.get(name);
    const selector = { ...service.spec?.selector };
    if (Array.isArray(body)) {
      for (const { op, path, value } of body) {
        const key = path.replace('/spec/selector/', '').replaceAll('~1', '/');
        if (op === 'test' && selector[key] !== value) throw refusal(422, 'the test failed');
        if (op === 'remove') delete selector[key];
        if (op === 'replace') selector[key] = `${value}`;
      }
    } else {
      const version = body.metadata?.resourceVersion;
      if (version !== undefined && version !== service.metadata?.resourceVersion) {
        throw refusal(409, 'the object has been modified');
      }
      Object.assign(selector, body.spec?.selector);
    }
    const resourceVersion = `${Number(service.metadata?.resourceVersion ?? 0) + 1}`;
    this.services.add({
      ...service,
      metadata: { ...service.metadata, resourceVersion },
      spec: { ...service.spec, selector },
    });
  };

  readonly #advised = async (kind: 'budgets' | 'scalers' | 'quotas' | 'limitRanges') => {
    await this.request(`list ${kind}`);
    const items = this.advice[kind];
    if (items instanceof Error) throw items;
    return { items };
  };

  /** Watches of pods that stand: what is written is what the API server would send. */
  readonly watches: PassThrough[] = [];
  readonly #watch = async (_url: string, { signal }: { signal: AbortSignal }) => {
    const response = new PassThrough();
    signal.addEventListener('abort', () => response.destroy());
    this.watches.push(response);
    return Object.assign(response, { statusCode: 200 });
  };

  readonly cluster = {
    context: 'test',
    namespace: 'shop',
    api: { server: '', send: this.#watch },
    core: {
      listNamespacedService: this.services.list,
      readNamespacedService: this.services.read,
      createNamespacedService: this.services.create,
      deleteNamespacedService: this.services.delete,
      patchNamespacedService: this.#patchService,
      listNamespacedConfigMap: this.configMaps.list,
      createNamespacedConfigMap: this.configMaps.create,
      deleteNamespacedConfigMap: this.configMaps.delete,
      listNamespacedPod: this.pods.list,
      deleteNamespacedPod: this.pods.delete,
      readNamespacedPodLog: async ({ name }: { name: string }) => {
        await this.request(`log ${name}`);
        return this.logs.get(name) ?? '';
      },
      listNamespacedResourceQuota: () => this.#advised('quotas'),
      listNamespacedLimitRange: () => this.#advised('limitRanges'),
    },
    apps: {
      listNamespacedDeployment: this.deployments.list,
      createNamespacedDeployment: this.deployments.create,
      deleteNamespacedDeployment: this.deployments.delete,
      listNamespacedReplicaSet: this.replicaSets.list,
      listNamespacedStatefulSet: this.statefulSets.list,
      listNamespacedDaemonSet: this.daemonSets.list,
    },
    batch: { listNamespacedJob: this.jobs.list, listNamespacedCronJob: this.cronJobs.list },
    policy: { listNamespacedPodDisruptionBudget: () => this.#advised('budgets') },
    autoscaling: { listNamespacedHorizontalPodAutoscaler: () => this.#advised('scalers') },
    authorization: {
      createSelfSubjectRulesReview: async () => ({ status: { resourceRules: this.rights.rules } }),
      createSelfSubjectAccessReview: async ({ body }: { body: AccessReview }) => {
        const { verb, resource, subresource } = body.spec.resourceAttributes;
        const path = subresource ? `${resource}/${subresource}` : resource;
        return { status: { allowed: this.rights.allowed(verb, path) } };
      },
    },
  } as unknown as Cluster;
}

interface AccessReview {
  spec: { resourceAttributes: { verb: string; resource: string; subresource?: string } };
}
