import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { V1Container, V1PodSpec } from '@kubernetes/client-node';
import { enforcedLevel, proxyViolations } from '../../src/cluster/pod-security.ts';
import { type EnforcedLevel, violationsOf } from '../../src/cluster/pod-security-rules.ts';
import { TpError } from '../../src/errors.ts';
import { ApiServer, json } from './api-server.ts';
import { sidecar, target } from './target.ts';

/** A container that "restricted" lets pass. */
const CAREFUL: V1Container = {
  name: 'app',
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  },
};
const pod = (own: V1Container['securityContext'], more: Partial<V1PodSpec> = {}): V1PodSpec => ({
  containers: [{ ...CAREFUL, securityContext: { ...CAREFUL.securityContext, ...own } }],
  ...more,
});

/** Pods, and what each level finds wrong with them. */
const PODS: readonly [what: string, pod: V1PodSpec, baseline: string[], restricted: string[]][] = [
  ['a careful one', pod({}), [], []],
  [
    'a plain one',
    { containers: [{ name: 'app' }] },
    [],
    [
      'container app: allowPrivilegeEscalation is not false, does not drop all capabilities, runAsNonRoot is not true, no seccompProfile',
    ],
  ],
  [
    'one whose pod says it for all',
    {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'app',
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
    [],
    [],
  ],
  [
    'a privileged one',
    pod({ privileged: true }),
    ['container app: privileged'],
    ['container app: privileged'],
  ],
  ['one that binds low ports', pod({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }), [], []],
  [
    'one that changes owners',
    pod({ capabilities: { drop: ['ALL'], add: ['CHOWN'] } }),
    [],
    ['container app: adds capabilities'],
  ],
  [
    'one that changes routes',
    pod({ capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } }),
    ['container app: adds capabilities'],
    ['container app: adds capabilities'],
  ],
  [
    'root',
    pod({ runAsNonRoot: false, runAsUser: 0 }),
    [],
    ['container app: runAsNonRoot is not true, runAsUser is 0'],
  ],
  [
    'an unconfined one',
    pod({ seccompProfile: { type: 'Unconfined' } }),
    ['container app: seccompProfile Unconfined'],
    ['container app: seccompProfile Unconfined'],
  ],
  [
    'one with /proc',
    pod({ procMount: 'Unmasked' }),
    ['container app: unmasks /proc'],
    ['container app: unmasks /proc'],
  ],
  ['one on the node', pod({}, { hostPID: true }), ['pod: hostPID'], ['pod: hostPID']],
  [
    'one with a path of the node',
    pod({}, { volumes: [{ name: 'logs', hostPath: { path: '/var/log' } }] }),
    ['pod: volume logs'],
    ['pod: volume logs'],
  ],
  [
    'one with a volume by NFS',
    pod({}, { volumes: [{ name: 'old', nfs: { path: '/', server: 's' } }] }),
    [],
    ['pod: volume old'],
  ],
  [
    'one with a port of the node',
    { containers: [{ ...CAREFUL, ports: [{ containerPort: 1, hostPort: 1 }] }] },
    ['container app: hostPort'],
    ['container app: hostPort'],
  ],
  [
    'one whose init container is privileged',
    {
      ...pod({}),
      initContainers: [
        { ...CAREFUL, name: 'init', securityContext: { ...CAREFUL.securityContext, privileged: true } },
      ],
    },
    ['container init: privileged'],
    ['container init: privileged'],
  ],
];

describe('what a level of PodSecurity finds', () => {
  for (const [what, spec, baseline, restricted] of PODS) {
    it(`with ${what}`, () => {
      assert.deepEqual(violationsOf(spec, 'privileged'), []);
      assert.deepEqual(violationsOf(spec, 'baseline'), baseline);
      assert.deepEqual(violationsOf(spec, 'restricted'), restricted);
    });
  }
});

describe("the proxy's pod", () => {
  const pass = { securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } };

  it('passes "restricted" by itself, whatever the container was that it stands for', () => {
    const { workload } = target({ container: { securityContext: { privileged: true } }, spec: pass });
    assert.deepEqual(proxyViolations(workload, 'restricted'), []);
  });

  it('has what its sidecars have', () => {
    const mesh = sidecar('mesh', { securityContext: { capabilities: { add: ['NET_ADMIN'] } } });
    const options = { sidecars: [mesh], spec: pass };
    const { workload } = target(options);
    assert.deepEqual(proxyViolations(workload, 'baseline'), ['container mesh: adds capabilities']);
    // Unless it stands for that one.
    const annotations = { 'kubectl.kubernetes.io/default-container': 'mesh' };
    assert.deepEqual(proxyViolations(target({ ...options, annotations }).workload, 'baseline'), []);
  });

  it('is not there for a pod on the node’s network', () => {
    assert.equal(proxyViolations(target({ spec: { hostNetwork: true } }).workload, 'restricted'), undefined);
  });
});

describe('the level that a namespace enforces', () => {
  const levelBy = async (
    status: number,
    labels?: Record<string, string>,
  ): Promise<EnforcedLevel | undefined> => {
    const api = await ApiServer.start();
    try {
      api.answers.set('GET /api/v1/namespaces/shop', (_request, response) =>
        json(response, status, { metadata: { labels } }),
      );
      return await enforcedLevel(api.cluster);
    } finally {
      api.close();
    }
  };

  it('is that of its label', async () => {
    const label = (level: string) => ({ 'pod-security.kubernetes.io/enforce': level });
    assert.equal(await levelBy(200, label('restricted')), 'restricted');
    assert.equal(await levelBy(200, label('baseline')), 'baseline');
    assert.equal(await levelBy(200, {}), 'privileged');
  });

  it('is not known where the login may not read it', async () => {
    assert.equal(await levelBy(403), undefined);
    await assert.rejects(
      levelBy(500),
      (error) => error instanceof TpError && error.code === 'TP_CLUSTER_REFUSED',
    );
  });
});
