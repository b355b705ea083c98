/** The errors that a first user meets: one line, a code, a hint; and nothing is changed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { apply, kubeconfig, kubectl } from './harness/cluster.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';

/** Scenarios as data: a command line, its surroundings, and what it says. */
const CASES: { what: string; args: string[]; env?: NodeJS.ProcessEnv; code?: number; says: RegExp[] }[] = [
  {
    what: 'no cluster',
    args: [IMAGE],
    env: { KUBECONFIG: '/nowhere', HOME: '/nowhere' },
    says: [/TP_NO_CLUSTER|TP_KUBECONFIG/],
  },
  {
    what: 'a cluster that does not answer',
    args: [IMAGE],
    env: { KUBECONFIG: 'unreachable' },
    says: [/does not answer: ECONNREFUSED \[TP_CLUSTER_UNREACHABLE\]/, /kubectl cluster-info/],
  },
  {
    what: 'no such context',
    args: ['--context', 'nosuch', IMAGE],
    says: [/no context "nosuch" \[TP_NO_CONTEXT\]/, /--context tpcluster/],
  },
  {
    what: 'no Docker',
    args: [IMAGE],
    env: { DOCKER_HOST: 'unix:///nowhere/docker.sock' },
    says: [/Docker does not answer at unix:\/\/\/nowhere\/docker\.sock.*TP_NO_DOCKER/, /docker info/],
  },
  {
    what: 'no such image',
    args: ['--workload', 'deployment/servicename', 'examplecom/nosuch'],
    says: [/there is no image examplecom\/nosuch here.*TP_NO_IMAGE/, /docker build -t examplecom\/nosuch/],
  },
  {
    what: 'no workload that runs the image',
    args: ['node:24-slim'],
    says: [
      /no workload in this namespace runs node:24-slim.*TP_NO_WORKLOAD/,
      /--workload deployment\/servicename/,
      /--no-workload/,
    ],
  },
  {
    what: 'several workloads',
    args: ['examplecom/thing:1.0'],
    says: [
      /several workloads run examplecom\/thing:1\.0.*TP_SEVERAL_WORKLOADS/,
      /--workload deployment\/thing1/,
      /--workload deployment\/thing2/,
    ],
  },
  {
    what: 'a workload that does not exist',
    args: ['--workload', 'deployment/nosuch', IMAGE],
    says: [/there is no deployment\/nosuch.*TP_NO_WORKLOAD/],
  },
  {
    what: 'a malformed workload',
    args: ['--workload', 'servicename', IMAGE],
    says: [/TP_BAD_WORKLOAD/, /deployment\/NAME/],
  },
  { what: 'a malformed port', args: ['--port', '99999:1', IMAGE], says: [/TP_BAD_PORT/, /--port 3000:8080/] },
  {
    what: 'a Service that does not select the workload',
    args: ['--service', 'thing1', IMAGE],
    says: [/TP_NO_SERVICE/],
  },
  { what: 'the host network', args: ['--network', 'host', IMAGE], says: [/TP_NETWORK_MODE/] },
  { what: 'a restart policy', args: ['--restart', 'always', IMAGE], says: [/TP_RESTART_POLICY/] },
  { what: 'detaching', args: ['-d', IMAGE], says: [/TP_DETACHED/] },
  { what: 'no image at all', args: ['--rm'], says: [/no image is named.*TP_USAGE/] },
  {
    what: 'a flag that Docker does not know',
    args: ['--nosuch=1', IMAGE],
    says: [/unknown flag: --nosuch/, /TP_DOCKER_CREATE/],
  },
  {
    what: 'missing rights, each named',
    args: [IMAGE],
    env: { KUBECONFIG: 'weak' },
    says: [
      /this login may not: .*create pods\/portforward.*patch services.*TP_FORBIDDEN/,
      /docs\/rights\.md/,
    ],
  },
];

/** May look at everything, and change nothing. */
const WEAK = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: tp-e2e-weak}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tp-e2e-weak}
rules:
- {apiGroups: ["", apps], resources: ["*"], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tp-e2e-weak}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tp-e2e-weak}
subjects: [{kind: ServiceAccount, name: tp-e2e-weak, namespace: default}]
`;

describe('errors', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tp-errors-'));
  const files: Record<string, string> = {};
  before(async () => {
    await apply(WEAK);
    const token = (await kubectl('create', 'token', 'tp-e2e-weak')).trim();
    const raw = await kubectl('config', 'view', '--raw', '--kubeconfig', kubeconfig);
    files.weak = join(directory, 'weak');
    files.unreachable = join(directory, 'unreachable');
    writeFileSync(
      files.weak,
      raw.replace(/client-certificate-data:.*|client-key-data:.*/g, (line) =>
        line.startsWith('client-key') ? '' : `token: ${token}`,
      ),
      { mode: 0o600 },
    );
    writeFileSync(files.unreachable, raw.replace(/server: .*/, 'server: https://127.0.0.1:64999'), {
      mode: 0o600,
    });
  });
  after(async () => {
    rmSync(directory, { recursive: true });
    for (const kind of ['serviceaccount', 'role', 'rolebinding'])
      await kubectl('delete', kind, 'tp-e2e-weak');
  });

  for (const { what, args, env = {}, code = 125, says } of CASES) {
    test(what, async () => {
      const before = await snapshot();
      const own = Object.fromEntries(
        Object.entries(env).map(([key, value]) => [key, files[value ?? ''] ?? value]),
      );
      const tp = new Tp(['docker-run', ...args], { env: own });
      assert.equal(await tp.exited, code, tp.stderr);
      for (const pattern of says) assert.match(tp.stderr, pattern);
      assert.doesNotMatch(tp.stderr, /bug in tp|\n {4}at /);
      assert.equal(tp.stdout, '');
      assert.deepEqual(await snapshot(), before);
    });
  }

  test('a container that dies at once: its own words, its exit code', async () => {
    const before = await snapshot();
    const tp = new Tp(['docker-run', IMAGE, 'node', '-e', 'console.error("no database"); process.exit(3)']);
    assert.equal(await tp.exited, 3);
    assert.match(tp.stderr, /no database/);
    assert.match(tp.stderr, /the container ended with exit code 3/);
    assert.deepEqual(await snapshot(), before);
  });
});
