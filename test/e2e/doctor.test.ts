/** tp doctor on a real Docker and a real cluster: what is well, what is not, and what is passed on. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Finding } from '../../src/doctor/finding.ts';
import { Account, entriesOf, writeKubeconfig } from './harness/access.ts';
import { apply, kubeconfig, kubectl } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';
const folder = mkdtempSync(join(tmpdir(), 'tp-e2e-doctor-'));

interface Surroundings {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** Runs `tp doctor`, and demands that it changes nothing; gives what it found, by check. */
async function doctor(
  args: string[] = [],
  surroundings: Surroundings = {},
): Promise<{ code: number; of(check: string): Finding; all: Finding[] }> {
  const previous = await snapshot();
  const command = new Tp(['doctor', '-o', 'json', ...args], surroundings);
  const code = await command.exited;
  assert.deepEqual(await snapshot(), previous);
  assert.doesNotMatch(command.stderr, /bug in tp|\n {4}at /);
  const { findings } = JSON.parse(command.stdout) as { findings: Finding[] };
  const of = (check: string) => {
    const [found, ...more] = findings.filter((each) => each.check === check);
    assert.ok(found && more.length === 0, `${check} in ${command.stdout}`);
    return found;
  };
  for (const { check, level, fix } of findings)
    assert.equal(fix !== undefined, level === 'failure' || level === 'warning', check);
  return { code, of, all: findings };
}

const levels = (all: readonly Finding[]) => Object.fromEntries(all.map(({ check, level }) => [check, level]));

const ALL_WELL = {
  configuration: 'ok',
  kubeconfig: 'ok',
  login: 'ok',
  rights: 'ok',
  'pod security': 'ok',
  quota: 'ok',
  'proxy image': 'ok',
  docker: 'ok',
  kernel: 'ok',
  leftovers: 'ok',
};

/** A kubeconfig of the test cluster with another user. */
async function kubeconfigFor(file: string, user: Record<string, unknown>): Promise<string> {
  const { cluster } = await entriesOf(kubeconfig);
  return writeKubeconfig(folder, file, { cluster, user });
}

describe('tp doctor', () => {
  before(async () => {
    // The network image is built by a session; what the kernel has is tried in it.
    const { code, stderr } = await tp('docker-run', '--no-inbound', IMAGE, 'node', '-e', '0');
    assert.equal(code, 0, stderr);
  });
  after(() => rmSync(folder, { recursive: true }));

  test('finds all well, a line for each check, and exits with 0', async () => {
    const { code, all, of } = await doctor();
    assert.deepEqual(levels(all), ALL_WELL, JSON.stringify(all));
    assert.equal(code, 0);
    assert.match(of('kernel').message, /sock_diag; TUN device; routes, marks and rules; redirect of TCP/);
    assert.match(of('docker').message, /on this Linux, at unix:/);
    const plain = await tp('doctor');
    assert.equal(plain.code, 0, plain.stderr);
    assert.equal(plain.stdout.trimEnd().split('\n').length, Object.keys(ALL_WELL).length, plain.stdout);
    assert.match(plain.stdout, /^ok +kubeconfig +context \S+, namespace default, https:/m);
  });

  test('with the Roles of docs/rights.md and nothing else finds nothing that fails', async () => {
    const account = await Account.create('tp-e2e-doctor');
    try {
      const own = await kubeconfigFor('roles', { token: await account.token() });
      const { code, all } = await doctor([], { env: { KUBECONFIG: own } });
      // Nodes are the cluster's, not the namespace's.
      assert.deepEqual(levels(all), { ...ALL_WELL, 'proxy image': 'skipped' }, JSON.stringify(all));
      assert.equal(code, 0);
    } finally {
      await account.remove();
    }
  });

  for (const right of [
    { resource: 'services', verb: 'patch' },
    { resource: 'pods/portforward', verb: 'create' },
    { resource: 'pods/log', verb: 'get' },
  ]) {
    const words = `${right.verb} ${right.resource}`;
    test(`names the one verb that a login lacks: ${words}`, async () => {
      const account = await Account.create('tp-e2e-doctor', { without: right });
      try {
        const own = await kubeconfigFor('lacking', { token: await account.token() });
        const { code, of, all } = await doctor([], { env: { KUBECONFIG: own } });
        assert.equal(of('rights').level, 'failure');
        assert.equal(of('rights').message, `this login may not: ${words} (namespace default)`);
        assert.match(of('rights').fix ?? '', /kubectl -n default apply -f - <<'END'\napiVersion: rbac/);
        assert.deepEqual(all.filter(({ level }) => level === 'failure').length, 1, JSON.stringify(all));
        assert.equal(code, 1);
      } finally {
        await account.remove();
      }
    });
  }

  test('without a cluster looks at the rest', async () => {
    const { cluster, user } = await entriesOf(kubeconfig);
    const server = 'https://127.0.0.1:64999';
    const ways: [file: string, check: string, says: RegExp][] = [
      ['/nowhere', 'kubeconfig', /no cluster is configured.*\[TP_NO_CLUSTER\]/],
      [
        writeKubeconfig(folder, 'silent', { cluster: { ...cluster, server }, user }),
        'login',
        /does not answer: ECONNREFUSED \[TP_CLUSTER_UNREACHABLE\]/,
      ],
      [await kubeconfigFor('expired', { token: 'expired' }), 'login', /\[TP_LOGIN_EXPIRED\]/],
    ];
    for (const [file, check, says] of ways) {
      const { code, of, all } = await doctor([], { env: { KUBECONFIG: file, HOME: '/nowhere' } });
      assert.equal(of(check).level, 'failure');
      assert.match(of(check).message, says);
      for (const other of ['rights', 'pod security', 'quota', 'proxy image'])
        assert.equal(of(other).level, 'skipped');
      for (const other of ['docker', 'kernel', 'leftovers'])
        assert.equal(of(other).level, 'ok', JSON.stringify(all));
      assert.equal(code, 1);
    }
  });

  test('without Docker looks at the rest', async () => {
    const { code, of, all } = await doctor([], { env: { DOCKER_HOST: 'unix:///nowhere/docker.sock' } });
    assert.equal(of('docker').level, 'failure');
    assert.match(of('docker').message, /does not answer at unix:\/\/\/nowhere.*\[TP_NO_DOCKER\]/);
    assert.equal(of('docker').fix, 'docker info');
    assert.deepEqual(levels(all), { ...ALL_WELL, docker: 'failure', kernel: 'skipped' });
    assert.equal(code, 1);
  });

  test('says plainly what it cannot try: the kernel without the network image', async () => {
    const { code, of } = await doctor(['--network-image', 'localhost:1/nosuch:1']);
    assert.equal(of('kernel').level, 'skipped');
    assert.match(of('kernel').message, /not tried: .*localhost:1\/nosuch:1 is not here/);
    assert.equal(code, 0);
  });

  test('reads tp.yaml, and finds where it is broken', async () => {
    const place = join(folder, 'code');
    mkdirSync(place);
    writeFileSync(join(place, 'tp.yaml'), 'proxy-image: localhost:1/nosuch:1\n');
    const { of } = await doctor([], { cwd: place });
    assert.equal(of('proxy image').level, 'warning');
    assert.match(of('proxy image').message, /localhost:1\/nosuch:1 is on 0 of \d+ nodes/);
    writeFileSync(join(place, 'tp.yaml'), 'worklod: deployment/servicename\n');
    const broken = await doctor([], { cwd: place });
    assert.equal(broken.of('configuration').level, 'failure');
    assert.match(broken.of('configuration').message, /line 1: there is no key "worklod" \[TP_CONFIG_FILE\]/);
    assert.equal(broken.of('rights').level, 'ok');
    assert.equal(broken.code, 1);
  });

  test('names a session that died, and the command that undoes it', async () => {
    await using session = await Tp.session(['--no-inbound', IMAGE]);
    assert.equal((await doctor()).of('leftovers').level, 'ok');
    session.child.kill('SIGKILL');
    await session.exited;
    try {
      const { code, of } = await doctor();
      assert.equal(of('leftovers').level, 'warning');
      assert.equal(of('leftovers').fix, `tp leave ${session.session}`);
      assert.equal(code, 0);
    } finally {
      await tp('leave', session.session);
    }
    assert.equal((await doctor()).of('leftovers').level, 'ok');
  });
});

const OBSTACLES = `
apiVersion: v1
kind: Namespace
metadata: {name: tp-e2e-doctor, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: none-left, namespace: tp-e2e-doctor}
spec: {hard: {pods: "0", requests.memory: 1Gi}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: large-only, namespace: tp-e2e-doctor}
spec: {limits: [{type: Container, min: {cpu: 100m}}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: tp-e2e-doctor}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - {name: app, image: "examplecom/servicename:1.0"}
      - {name: sidecar, image: "examplecom/thing:1.0", securityContext: {privileged: true}}
`;

describe('tp doctor in a namespace that is full of obstacles', () => {
  before(async () => {
    await apply(OBSTACLES);
    // The controllers do their part a moment later.
    await eventually(
      () => kubectl('get', '-n', 'tp-e2e-doctor', 'quota/none-left', '-o', 'jsonpath={.status.hard.pods}'),
      (hard) => hard === '0',
    );
    await eventually(
      () => kubectl('get', '-n', 'tp-e2e-doctor', 'configmaps,serviceaccounts', '-o', 'name'),
      (names) => /kube-root-ca\.crt/.test(names) && /serviceaccount\/default/.test(names),
    );
  });
  after(() => kubectl('delete', 'namespace', 'tp-e2e-doctor'));

  test('names each', async () => {
    const { code, all, of } = await doctor(['-n', 'tp-e2e-doctor']);
    const quota = all
      .filter(({ check }) => check === 'quota')
      .map(({ message, fix }) => `${message}: ${fix}`);
    assert.equal(quota.length, 2, JSON.stringify(all));
    assert.match(quota[0] ?? '', /quota none-left: pods: 0 of 0 are used.*describe quota none-left$/);
    assert.match(
      quota[1] ?? '',
      /limitrange large-only: the proxy asks for 50m of cpu, and at least 100m is allowed/,
    );
    assert.equal(of('pod security').level, 'warning');
    assert.match(
      of('pod security').message,
      /enforces "restricted".*deployment\/web: container sidecar: privileged/,
    );
    assert.equal(of('pod security').fix, '--workload deployment/web --without-container sidecar');
    assert.equal(code, 1);
    const named = await doctor(['-n', 'tp-e2e-doctor', '--workload', 'deployment/web']);
    assert.equal(named.of('pod security').level, 'failure');
  });
});

/** Known values, each in another place from which it could come into an archive. */
const SECRETS = {
  ofSecret: 'value-of-a-secret-7f3a',
  ofConfigMap: 'value-of-a-configmap-9c1e',
  ofSpec: 'value-in-the-spec-"quoted"-55d2',
  ofAnnotation: 'value-of-an-annotation-41aa',
  ofArgument: 'value-of-an-argument-8e07',
  ofProbe: 'value-in-a-probe-2b6f',
  ofFlag: 'value-of-a-flag-0d94',
  ofFile: 'value-in-tp-yaml-c3b8',
  ofOtherUser: 'token-of-another-user-66e1',
} as const;

const BUNDLED = `
apiVersion: v1
kind: Namespace
metadata: {name: tp-e2e-bundle}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: dev, namespace: tp-e2e-bundle}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: dev, namespace: tp-e2e-bundle}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: ServiceAccount, name: dev, namespace: tp-e2e-bundle}]
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: tp-e2e-bundle}
stringData: {key: ${SECRETS.ofSecret}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: tp-e2e-bundle}
data: {SETTING: ${SECRETS.ofConfigMap}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: tp-e2e-bundle}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {example.com/key: ${SECRETS.ofAnnotation}}}
    spec:
      containers:
      - name: app
        image: examplecom/servicename:1.0
        env:
        - {name: KEY, valueFrom: {secretKeyRef: {name: keys, key: key}}}
        - {name: PLAIN, value: ${JSON.stringify(SECRETS.ofSpec)}}
        envFrom: [{configMapRef: {name: settings}}]
      - name: sidecar
        image: node:24-slim
        command: [node, -e, "process.on('SIGTERM', () => process.exit()); setInterval(() => {}, 1e6)", ${SECRETS.ofArgument}]
        readinessProbe: {exec: {command: [sh, -c, "echo ${SECRETS.ofProbe}; exit 1"]}, periodSeconds: 1}
`;

describe('tp doctor --bundle', () => {
  const work = mkdtempSync(join(tmpdir(), 'tp-e2e-bundle-'));
  before(async () => {
    await apply(BUNDLED);
    await eventually(
      () => kubectl('get', '-n', 'tp-e2e-bundle', 'configmaps,serviceaccounts', '-o', 'name'),
      (names) => /kube-root-ca\.crt/.test(names) && /serviceaccount\/default/.test(names),
    );
  });
  after(async () => {
    rmSync(work, { recursive: true });
    await kubectl('delete', 'namespace', 'tp-e2e-bundle');
  });

  test('passes on what helps, and none of the secrets', async () => {
    const token = (await kubectl('-n', 'tp-e2e-bundle', 'create', 'token', 'dev')).trim();
    const { cluster } = await entriesOf(kubeconfig);
    const config = {
      'current-context': 'dev',
      clusters: [{ name: 'c', cluster }],
      users: [
        { name: 'dev', user: { token } },
        { name: 'other', user: { token: SECRETS.ofOtherUser } },
      ],
      contexts: [{ name: 'dev', context: { cluster: 'c', user: 'dev', namespace: 'tp-e2e-bundle' } }],
    };
    const file = join(work, 'kubeconfig');
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    writeFileSync(
      join(work, 'tp.yaml'),
      `workload: deployment/web\ncontainer: app\ndocker-flags: ["-e", "OF_FILE=${SECRETS.ofFile}", "--rm"]\n`,
    );
    const surroundings = { env: { KUBECONFIG: file }, cwd: work };
    const session = new Tp(
      ['docker-run', '--no-inbound', '-e', `OF_FLAG=${SECRETS.ofFlag}`, IMAGE],
      surroundings,
    );
    await session.says(/ready: context/);
    const { session: id } = session;
    try {
      // Its failing probe is in the cluster's events by then.
      await eventually(
        () => kubectl('get', 'events', '-n', 'tp-e2e-bundle', '-o', 'yaml'),
        (events) => events.includes(SECRETS.ofProbe),
        20_000,
      );
      const command = new Tp(['doctor', '--bundle'], surroundings);
      assert.equal(await command.exited, 0, command.stderr + command.stdout);
      const [archive = ''] = readdirSync(work).filter((name) =>
        /^tp-bundle-\d{8}-\d{6}\.tar\.gz$/.test(name),
      );
      assert.match(command.stderr, new RegExp(archive));
      assert.equal(statSync(join(work, archive)).mode & 0o777, 0o600);

      const again = new Tp(['doctor', '--bundle', archive], surroundings);
      assert.equal(await again.exited, 125);
      assert.match(again.stderr, /it is there already \[TP_BUNDLE\]/);

      const unpacked = join(work, 'unpacked');
      mkdirSync(unpacked);
      execFileSync('tar', ['xzf', join(work, archive), '-C', unpacked]);
      const names = readdirSync(unpacked, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      const textOf = (name: string) => readFileSync(join(unpacked, name), 'utf8');
      const all = names.map((name) => readFileSync(name, 'utf8')).join('\n');

      const hash = await kubectl(
        'get',
        '-n',
        'tp-e2e-bundle',
        'configmaps',
        '-l',
        `tp/session=${id}`,
        '-o',
        'yaml',
      );
      const [, tokenSha256 = ''] = /tokenSha256\W+([0-9a-f]{64})/.exec(hash) ?? [];
      assert.notEqual(tokenSha256, '');
      const secrets = {
        ...SECRETS,
        token,
        tokenSha256,
        authority: String(cluster['certificate-authority-data']),
      };
      for (const [place, secret] of Object.entries(secrets)) {
        const escaped = JSON.stringify(secret).slice(1, -1);
        const base64 = Buffer.from(secret).toString('base64').replace(/.?=*$/, '');
        for (const form of [secret, escaped, base64])
          assert.ok(!all.includes(form), `${place} in the archive`);
      }

      assert.deepEqual(JSON.parse(textOf('missing.json')), {});
      const { findings } = JSON.parse(textOf('doctor.json')) as { findings: Finding[] };
      assert.ok(findings.some(({ check, level }) => check === 'rights' && level === 'ok'));
      assert.match(textOf('versions.json'), /"kubernetes": "v/);
      assert.match(textOf('tp.yaml'), /workload: deployment\/web/);
      assert.match(textOf('cluster/pods.json'), new RegExp(`"name": "tp-web-${id}-`));
      assert.match(textOf('cluster/pods.json'), /"TPENV_KEY"/);
      assert.match(textOf('cluster/events.json'), /"reason": "Unhealthy"/);
      assert.match(textOf('cluster/configMaps.json'), new RegExp(`tp-web-${id}`));
      assert.match(textOf(`sessions/${id}/proxy.log`), /the laptop is connected/);
      assert.match(textOf(`sessions/${id}/agent.log`), /linked to the proxy/);
      assert.match(textOf(`sessions/${id}/container.json`), /NET_ADMIN/);
    } finally {
      await session.end();
    }
  });
});
