import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { V1Container, V1PodSpec, V1VolumeMount } from '@kubernetes/client-node';
import { type CloneOptions, cloneDeployment, emptiedVolumes } from '../../src/cluster/clone.ts';
import { podMounts } from '../../src/cluster/pod-mounts.ts';
import { volumeCopies } from '../../src/cluster/volume-copies.ts';
import { TpError } from '../../src/errors.ts';
import { sidecar, type TargetOptions, target } from './target.ts';

const OPTIONS: CloneOptions = {
  session: 'abc',
  name: 'tp-servicename-abc',
  configMap: 'tp-config',
  image: 'node:24-slim',
  ports: [8080],
  limited: [],
  healthPort: 47_471,
  annotations: { 'tp/owner': '{}' },
  skipInit: false,
  withoutContainers: [],
  dropLabels: [],
};

/** The clone of such a target: the Deployment, its pod, and the container with the proxy. */
function clone(of: TargetOptions = {}, options: Partial<CloneOptions> = {}) {
  const deployment = cloneDeployment(target(of), { ...OPTIONS, ...options });
  const template = deployment.spec?.template;
  const spec = template?.spec as V1PodSpec;
  const proxy = spec.containers.find(({ name }) => name === 'app') as V1Container;
  return { deployment, metadata: template?.metadata, spec, proxy };
}

const names = (containers: readonly V1Container[] | undefined) => (containers ?? []).map(({ name }) => name);

describe('the proxy’s Deployment', () => {
  it('is one pod that belongs to the session, and to nobody else', () => {
    const { deployment } = clone();
    assert.equal(deployment.metadata?.name, 'tp-servicename-abc');
    assert.deepEqual(deployment.metadata?.labels, { 'tp/session': 'abc' });
    assert.deepEqual(deployment.metadata?.annotations, { 'tp/owner': '{}' });
    assert.equal(deployment.spec?.replicas, 1);
    assert.deepEqual(deployment.spec?.selector, { matchLabels: { 'tp/session': 'abc' } });
  });

  it('leaves the target as it was', () => {
    const original = target({
      container: { env: [{ name: 'A', value: '$(B)' }], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
      spec: { volumes: [{ name: 'v', hostPath: { path: '/v' } }], securityContext: { runAsUser: 7 } },
    });
    const before = structuredClone(original);
    cloneDeployment(original, OPTIONS);
    assert.deepEqual(original, before);
  });

  it('is refused for a pod in the node’s network', () => {
    assert.throws(
      () => clone({ spec: { hostNetwork: true } }),
      (error) => error instanceof TpError && error.code === 'TP_HOST_NETWORK',
    );
  });
});

describe('the proxy’s pod', () => {
  it('has the target’s labels and annotations, and the session’s', () => {
    const { metadata } = clone({
      labels: { app: 'shop', tier: 'web' },
      annotations: { 'mesh/inject': 'true' },
    });
    assert.deepEqual(metadata?.labels, { app: 'shop', tier: 'web', 'tp/session': 'abc' });
    assert.deepEqual(metadata?.annotations, { 'mesh/inject': 'true' });
  });

  it('is without the labels that are to be dropped', () => {
    const { metadata } = clone({ labels: { app: 'shop', tier: 'web' } }, { dropLabels: ['tier', 'unknown'] });
    assert.deepEqual(metadata?.labels, { app: 'shop', 'tp/session': 'abc' });
  });

  it('has the target’s identity and place, but not the node of one of its pods', () => {
    const kept: Partial<V1PodSpec> = {
      serviceAccountName: 'shop',
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'spot', operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['10.0.0.1'] },
      hostAliases: [{ ip: '10.0.0.2', hostnames: ['db'] }],
      enableServiceLinks: false,
      priorityClassName: 'high',
      runtimeClassName: 'gvisor',
      shareProcessNamespace: true,
    };
    const { spec } = clone({
      spec: { ...kept, nodeName: 'node-1', readinessGates: [{ conditionType: 'lb' }] },
    });
    for (const [key, value] of Object.entries(kept))
      assert.deepEqual(spec[key as keyof V1PodSpec], value, key);
    assert.equal(spec.nodeName, undefined);
    assert.equal(spec.readinessGates, undefined, 'nobody would ever meet them');
  });

  it('has a grace of a minute, or the target’s where that is longer', () => {
    assert.equal(clone().spec.terminationGracePeriodSeconds, 60);
    assert.equal(
      clone({ spec: { terminationGracePeriodSeconds: 5 } }).spec.terminationGracePeriodSeconds,
      60,
    );
    assert.equal(
      clone({ spec: { terminationGracePeriodSeconds: 300 } }).spec.terminationGracePeriodSeconds,
      300,
    );
  });
});

describe('the proxy’s container', () => {
  const APP: Partial<V1Container> = {
    command: ['sh', '-c', 'exec app'],
    args: ['--port', '8080'],
    workingDir: '/app',
    imagePullPolicy: 'Always',
    livenessProbe: { httpGet: { port: 8080 } },
    readinessProbe: { httpGet: { port: 8080 } },
    startupProbe: { httpGet: { port: 8080 } },
    lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } },
    resources: { limits: { cpu: '100m', memory: '64Mi', 'nvidia.com/gpu': '1' }, requests: { cpu: '100m' } },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/app', readOnly: true },
      { name: 'data', mountPath: '/data' },
    ],
    tty: true,
    stdin: true,
  };

  it('is in the place of the app’s, by its name', () => {
    const { spec, proxy } = clone({ container: APP, sidecars: [sidecar('mesh')] });
    assert.deepEqual(names(spec.containers), ['app', 'mesh']);
    assert.equal(proxy.image, 'node:24-slim');
    assert.deepEqual(proxy.command, ['node', '/tp-proxy/proxy.mjs']);
    assert.equal(proxy.args, undefined);
  });

  it('has nothing that was meant for the app’s program', () => {
    const { proxy } = clone({ container: APP });
    for (const key of ['livenessProbe', 'startupProbe', 'lifecycle', 'workingDir', 'tty', 'stdin'] as const) {
      assert.equal(proxy[key], undefined, key);
    }
    assert.equal(proxy.imagePullPolicy, 'IfNotPresent');
  });

  it('says itself whether it serves, on its own port', () => {
    const { proxy } = clone({ container: APP });
    assert.deepEqual(proxy.readinessProbe?.httpGet, { path: '/', port: 47_471 });
    assert.equal(proxy.readinessProbe?.periodSeconds, 1);
  });

  it('has limits for what a quota demands them for', () => {
    const { proxy } = clone({ container: APP }, { limited: ['memory'] });
    assert.deepEqual(Object.keys(proxy.resources?.limits ?? {}), ['memory']);
  });

  it('asks for little of its own, and has no limits or devices', () => {
    const { proxy } = clone({ container: APP });
    assert.deepEqual(proxy.resources?.limits, {});
    assert.deepEqual(Object.keys(proxy.resources?.requests ?? {}).sort(), ['cpu', 'memory']);
  });

  it('has the app’s mounts, and its own program', () => {
    const { proxy, spec } = clone({ container: APP });
    assert.deepEqual(proxy.volumeMounts, [
      ...(APP.volumeMounts ?? []),
      { name: 'tp-proxy', mountPath: '/tp-proxy', readOnly: true },
    ]);
    assert.deepEqual(spec.volumes, [{ name: 'tp-proxy', configMap: { name: 'tp-config' } }]);
  });

  it('has the app’s variables under prefixes, with its own address before them', () => {
    const { proxy } = clone({
      container: {
        env: [
          { name: 'PATH', value: '/app/bin:$PATH $(A) $$' },
          { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
          { name: 'NONE' },
        ],
        envFrom: [
          { configMapRef: { name: 'c' } },
          { prefix: 'P_', secretRef: { name: 's', optional: true } },
        ],
      },
    });
    assert.deepEqual(proxy.env, [
      { name: 'TP_POD_IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
      { name: 'TPENV_PATH', value: '/app/bin:$$PATH $$(A) $$$$' },
      { name: 'TPENV_POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'TPENV_KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
      { name: 'TPENV_NONE', value: '' },
    ]);
    assert.deepEqual(proxy.envFrom, [
      { prefix: 'TPFROM_', configMapRef: { name: 'c' } },
      { prefix: 'TPFROM_P_', secretRef: { name: 's', optional: true } },
    ]);
  });

  it('names in paths the variables as they are called here', () => {
    const { proxy } = clone({
      container: {
        env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        volumeMounts: [
          { name: 'logs', mountPath: '/logs', subPathExpr: '$(POD_NAME)/$(KUBERNETES_PORT)/$$(POD_NAME)' },
          { name: 'data', mountPath: '/data', subPath: '$(POD_NAME)' },
        ],
      },
    });
    assert.deepEqual(proxy.volumeMounts?.slice(0, 2), [
      { name: 'logs', mountPath: '/logs', subPathExpr: '$(TPENV_POD_NAME)/$(KUBERNETES_PORT)/$$(POD_NAME)' },
      { name: 'data', mountPath: '/data', subPath: '$(POD_NAME)' },
    ]);
  });
});

describe('the ports of the node', () => {
  const ports = [{ name: 'http', containerPort: 8080, hostPort: 80, hostIP: '10.0.0.1', protocol: 'TCP' }];
  const bare = [{ name: 'http', containerPort: 8080, protocol: 'TCP' }];

  it('are left to the original pods, in every container', () => {
    const { spec, proxy } = clone({
      container: { ports },
      sidecars: [sidecar('mesh', { ports })],
      spec: { initContainers: [sidecar('native', { ports, restartPolicy: 'Always' })] },
    });
    assert.deepEqual(proxy.ports, bare);
    assert.deepEqual(spec.containers[1]?.ports, proxy.ports);
  });

  it('are left to them also where the pod’s own containers come from a given list', () => {
    const app: V1Container = { name: 'app', image: 'x', ports };
    const containers = [app, sidecar('mesh', { ports })];
    const initContainers = [sidecar('native', { ports, restartPolicy: 'Always' })];
    const { spec } = clone({ spec: { containers, initContainers } });
    const all = [...(spec.containers.slice(1) ?? []), ...(spec.initContainers ?? [])];
    for (const { name, ports: left } of all) assert.deepEqual(left, bare, name);
  });
});

describe('volumes', () => {
  const volumes: V1PodSpec['volumes'] = [
    { name: 'config', configMap: { name: 'c' } },
    { name: 'secret', secret: { secretName: 's' } },
    { name: 'token', projected: { sources: [] } },
    { name: 'labels', downwardAPI: { items: [] } },
    { name: 'scratch', emptyDir: { medium: 'Memory' } },
    { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
    { name: 'docker', hostPath: { path: '/var/run/docker.sock' } },
    { name: 'own', ephemeral: { volumeClaimTemplate: { spec: {} } } },
  ];

  it('come along, but for those that one pod or one node has to itself', () => {
    const { spec } = clone({ spec: { volumes } });
    assert.deepEqual(spec.volumes, [
      ...volumes.slice(0, 5),
      { name: 'data', emptyDir: {} },
      { name: 'docker', emptyDir: {} },
      { name: 'own', emptyDir: {} },
      { name: 'tp-proxy', configMap: { name: 'tp-config' } },
    ]);
    assert.deepEqual(emptiedVolumes(target({ spec: { volumes } })), ['data', 'docker', 'own']);
  });

  it('that each pod of a StatefulSet claims are empty too', () => {
    const of: TargetOptions = { kind: 'statefulset', claims: ['data', 'logs'], spec: { volumes: [] } };
    assert.deepEqual(clone(of).spec.volumes?.slice(0, 2), [
      { name: 'data', emptyDir: {} },
      { name: 'logs', emptyDir: {} },
    ]);
    assert.deepEqual(emptiedVolumes(target(of)), ['data', 'logs']);
  });

  it('are mounted for real where they are to be copied: by the proxy alone, and only for reading', () => {
    const data: V1VolumeMount = { name: 'data', mountPath: '/data/' };
    const of: TargetOptions = {
      kind: 'statefulset',
      claims: ['data'],
      container: {
        volumeMounts: [data, { name: 'docker', mountPath: '/d', mountPropagation: 'Bidirectional' }],
      },
      sidecars: [sidecar('mesh', { volumeMounts: [data] })],
      spec: { volumes },
    };
    const copies = volumeCopies(target(of), ['data', 'docker=5Gi']);
    const { spec, proxy } = clone(of, { copies });
    assert.deepEqual(proxy.volumeMounts?.slice(0, 2), [
      { name: 'tp-copy-0', mountPath: '/data/', readOnly: true },
      { name: 'tp-copy-1', mountPath: '/d', readOnly: true },
    ]);
    assert.deepEqual(spec.containers[1]?.volumeMounts, [data]);
    const byName = new Map(spec.volumes?.map((volume) => [volume.name, volume]));
    assert.deepEqual(byName.get('data'), { name: 'data', emptyDir: {} });
    assert.deepEqual(byName.get('tp-copy-0'), {
      name: 'tp-copy-0',
      persistentVolumeClaim: { claimName: 'data-servicename-0', readOnly: true },
    });
    assert.ok(byName.get('tp-copy-1')?.hostPath);
    const [preferred] = spec.affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    assert.deepEqual(preferred?.podAffinityTerm.labelSelector, {
      matchLabels: { 'statefulset.kubernetes.io/pod-name': 'servicename-0' },
    });
    // As the pod has them, whatever the proxy's pod is let do.
    const mounts = podMounts(spec, 'app', ['tp-proxy', ...emptiedVolumes(target(of))], copies);
    assert.deepEqual(
      mounts.map(({ path, volume, readOnly, copy }) => [path, volume, readOnly, copy?.maxBytes]),
      [
        ['/data', 'data', false, 1024 ** 3],
        ['/d', 'docker', false, 5 * 1024 ** 3],
      ],
    );
  });

  it('that are made for each pod anew are the proxy’s pod’s own, where they are to be copied', () => {
    const of: TargetOptions = {
      container: { volumeMounts: [{ name: 'own', mountPath: '/own', readOnly: true }] },
      spec: { volumes },
    };
    const copies = volumeCopies(target(of), ['own']);
    const { spec } = clone(of, { copies });
    assert.ok(spec.volumes?.find(({ name }) => name === 'own')?.ephemeral);
    const [mount] = podMounts(spec, 'app', emptiedVolumes(target(of)), copies);
    assert.equal(mount?.readOnly, true);
    assert.ok(mount?.copy);
  });

  it('are there once, also where a claim goes before a volume of its name', () => {
    const of: TargetOptions = { kind: 'statefulset', claims: ['data'], spec: { volumes } };
    const given = clone(of).spec.volumes?.map(({ name }) => name) ?? [];
    assert.deepEqual(given.toSorted(), [...new Set(given)].toSorted());
    assert.deepEqual(emptiedVolumes(target(of)), ['data', 'docker', 'own']);
  });
});

describe('init containers and sidecars', () => {
  const of: TargetOptions = {
    sidecars: [sidecar('mesh'), sidecar('consumer')],
    spec: {
      initContainers: [sidecar('migrate'), sidecar('native', { restartPolicy: 'Always' }), sidecar('wait')],
    },
  };

  it('come along in their order', () => {
    const { spec } = clone(of);
    assert.deepEqual(names(spec.initContainers), ['migrate', 'native', 'wait']);
    assert.deepEqual(names(spec.containers), ['app', 'mesh', 'consumer']);
  });

  it('are as they were, probes and all', () => {
    const mesh = sidecar('mesh', { readinessProbe: { httpGet: { port: 15021 } }, args: ['x'] });
    assert.deepEqual(clone({ sidecars: [mesh] }).spec.containers[1], { ...mesh, ports: undefined });
  });

  it('leave out what runs once with --skip-init, but not what is a sidecar by another name', () => {
    assert.deepEqual(names(clone(of, { skipInit: true }).spec.initContainers), ['native']);
  });

  it('leave out what is named, but never the app', () => {
    const { spec } = clone(of, { withoutContainers: ['consumer', 'native', 'wait', 'app'] });
    assert.deepEqual(names(spec.initContainers), ['migrate']);
    assert.deepEqual(names(spec.containers), ['app', 'mesh']);
  });

  it('are none where there were none', () => {
    assert.equal(clone().spec.initContainers, undefined);
  });
});

describe('the user of the proxy', () => {
  const user = (container: V1Container['securityContext'], pod?: V1PodSpec['securityContext']) => {
    const { proxy, spec } = clone({
      container: container ? { securityContext: container } : {},
      spec: pod ? { securityContext: pod } : {},
    });
    return { ...proxy.securityContext, pod: spec.securityContext };
  };

  it('is the container’s, else the pod’s, else one that is not root', () => {
    assert.equal(user({ runAsUser: 1000 }, { runAsUser: 2000 }).runAsUser, 1000);
    assert.equal(user(undefined, { runAsUser: 2000 }).runAsUser, 2000);
    const { runAsUser, runAsNonRoot } = user(undefined, { runAsNonRoot: true });
    assert.equal(runAsUser, 65_534);
    assert.equal(runAsNonRoot, true);
  });

  it('stays root where the target says so', () => {
    const { runAsUser, runAsNonRoot } = user({ runAsUser: 0 }, { runAsUser: 1000 });
    assert.deepEqual([runAsUser, runAsNonRoot], [0, false]);
  });

  it('keeps its groups', () => {
    const pod = { fsGroup: 3000, runAsGroup: 3001, supplementalGroups: [7] };
    assert.equal(user({ runAsGroup: 1001 }, pod).runAsGroup, 1001);
    assert.equal(user(undefined, pod).runAsGroup, undefined, 'the pod’s own counts then');
    assert.deepEqual({ ...user(undefined, pod).pod, sysctls: undefined }, { ...pod, sysctls: undefined });
  });

  it('keeps what an administrator has confined it to', () => {
    const own = {
      seLinuxOptions: { level: 's0' },
      seccompProfile: { type: 'Localhost', localhostProfile: 'p' },
    };
    const { seLinuxOptions, seccompProfile } = user(own);
    assert.deepEqual({ seLinuxOptions, seccompProfile }, own);
  });

  it('has no right beyond that', () => {
    const privileged = {
      privileged: true,
      allowPrivilegeEscalation: true,
      capabilities: { add: ['NET_ADMIN'] },
    };
    for (const securityContext of [{}, privileged, { runAsUser: 1000 }]) {
      assert.deepEqual(violations(clone({ container: { securityContext } })), []);
    }
  });
});

/** What the profile "restricted" of PodSecurity would say of the proxy's container and the pod's volumes. */
function violations({ proxy, spec }: ReturnType<typeof clone>): string[] {
  const own = proxy.securityContext ?? {};
  const allowed = [
    'configMap',
    'csi',
    'downwardAPI',
    'emptyDir',
    'persistentVolumeClaim',
    'projected',
    'secret',
  ];
  const rules: Record<string, boolean> = {
    'privilege escalation': own.allowPrivilegeEscalation === false,
    'runs as root': own.runAsNonRoot === true && own.runAsUser !== 0,
    seccomp: ['RuntimeDefault', 'Localhost'].includes(own.seccompProfile?.type ?? ''),
    capabilities: own.capabilities?.drop?.join() === 'ALL' && (own.capabilities.add ?? []).length === 0,
    privileged: !own.privileged,
    'writable root': own.readOnlyRootFilesystem === true,
    'host ports': (proxy.ports ?? []).every(({ hostPort }) => hostPort === undefined),
    volumes: (spec.volumes ?? []).every((volume) =>
      Object.keys(volume).every((key) => key === 'name' || allowed.includes(key)),
    ),
    sysctls: (spec.securityContext?.sysctls ?? []).every(
      ({ name }) => name === 'net.ipv4.ip_unprivileged_port_start',
    ),
  };
  return Object.keys(rules).filter((name) => !rules[name]);
}

describe('low ports', () => {
  const SYSCTL = { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' };
  const sysctls = (ports: number[], of: TargetOptions = {}) =>
    clone(of, { ports }).spec.securityContext?.sysctls;

  it('are opened by the safe sysctl', () => {
    assert.deepEqual(sysctls([8080, 80]), [SYSCTL]);
    assert.deepEqual(violations(clone({}, { ports: [80] })), []);
  });

  it('need it for root too, who has no capabilities here', () => {
    assert.deepEqual(sysctls([80], { container: { securityContext: { runAsUser: 0 } } }), [SYSCTL]);
  });

  it('are no reason for it where there are none', () => {
    assert.equal(sysctls([8080, 1024]), undefined);
    assert.equal(sysctls([]), undefined);
  });

  it('leave the target’s other sysctls, and replace its own of this name', () => {
    const other = { name: 'net.ipv4.tcp_syncookies', value: '1' };
    const of = { spec: { securityContext: { sysctls: [other, { ...SYSCTL, value: '1024' }] } } };
    assert.deepEqual(sysctls([80], of), [other, SYSCTL]);
    assert.deepEqual(sysctls([8080], of), of.spec.securityContext.sysctls);
  });
});
