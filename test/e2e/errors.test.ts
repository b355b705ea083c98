/** The errors that a first user meets: one line, a code, a hint; and nothing is changed. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { apply, kubeconfig, kubectl, kubectlJson } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';

/** Scenarios as data: a command line, its surroundings, and what it says. */
interface List {
  items: { metadata: { name: string } }[];
}

interface Case {
  what: string;
  args: string[];
  /** Values that name a file of this test stand for its path. */
  env?: NodeJS.ProcessEnv;
  code?: number;
  says: RegExp[];
}

const CASES: Case[] = [
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
    what: 'a malformed range',
    args: ['--local-cidr', '10.1.0.0/33', IMAGE],
    says: [/'--local-cidr <range>' argument '10\.1\.0\.0\/33' is invalid\. It is a range.*TP_NO_SUCH_FLAG/],
  },
  {
    what: 'a container that the pod has not',
    args: ['--container', 'nosuch', '--workload', 'deployment/servicename', IMAGE],
    says: [/which of its containers\? \[TP_WHICH_CONTAINER\]/, /--container servicename/],
  },
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
    what: 'missing rights, each named, with the Role to paste',
    args: [IMAGE],
    env: { KUBECONFIG: 'weak' },
    says: [
      /this login may not: .*create pods\/portforward.*patch services.*TP_FORBIDDEN/,
      /kubectl -n default apply -f - <<'END'\n {2}apiVersion: rbac/,
      /kubectl -n default create rolebinding tp --role tp --user NAME/,
    ],
  },
  {
    what: 'a login that has expired',
    args: [IMAGE],
    env: { KUBECONFIG: 'expired' },
    says: [/does not accept this login any more \[TP_LOGIN_EXPIRED\]/, /kubectl auth whoami/],
  },
  {
    what: 'a kubeconfig that is not one',
    args: [IMAGE],
    env: { KUBECONFIG: 'broken' },
    says: [/the kubeconfig \S+ cannot be read: .*\[TP_KUBECONFIG\]/],
  },
  {
    what: "no client of Docker's",
    args: [IMAGE],
    env: { PATH: '/nowhere' },
    says: [/Docker's client cannot be run.*TP_NO_DOCKER_CLI/, /apt-get install/],
  },
  {
    what: 'an address that is not one of Docker',
    args: [IMAGE],
    env: { DOCKER_HOST: 'garbage' },
    says: [/Docker at garbage: .*TP_DOCKER_ENDPOINT/, /export DOCKER_HOST=/],
  },
  {
    what: 'a context that Docker does not have',
    args: [IMAGE],
    env: { DOCKER_CONTEXT: 'nosuch' },
    says: [/context "nosuch" names no endpoint \[TP_DOCKER_CONTEXT\]/, /docker context ls/],
  },
  {
    what: "a configuration of Docker's that is not JSON",
    args: [IMAGE],
    env: { DOCKER_CONFIG: 'docker' },
    says: [/config\.json: .*TP_DOCKER_CONFIG/],
  },
  {
    what: 'a slip in a flag',
    args: ['--namspace=default', IMAGE],
    says: [/unknown flag: --namspace/, /--namspace: did you mean --namespace\?/],
  },
  {
    what: 'a value that a flag does not take',
    args: ['--output', 'xml', IMAGE],
    says: [/'--output <format>' argument 'xml' is invalid\. Allowed choices are yaml\. \[TP_NO_SUCH_FLAG\]/],
  },
  {
    what: 'a time that is none',
    args: ['--wait-ready', '15s', IMAGE],
    says: [/'--wait-ready <seconds>' argument '15s' is invalid\. It is a number of seconds.*TP_NO_SUCH_FLAG/],
  },
  {
    what: 'a flag of Telepresence 1',
    args: ['--swap-deployment', 'servicename', IMAGE],
    says: [/--swap-deployment is a flag of Telepresence \[TP_FOREIGN_FLAG\]/, /--workload deployment\/NAME/],
  },
  {
    what: 'a flag of Telepresence 2',
    args: ['--also-proxy=10.0.0.0/8', IMAGE],
    says: [/--also-proxy is a flag of Telepresence/, /every address is reached through the cluster/],
  },
  {
    what: 'a flag of mirrord',
    args: ['--target', 'deployment/servicename', IMAGE],
    says: [/--target is a flag of mirrord/, /--workload deployment\/NAME/],
  },
  {
    what: 'a setting of the network stack that the session needs',
    args: ['--sysctl', 'net.ipv4.ip_forward=1', IMAGE],
    says: [/--sysctl net\.ipv4\.ip_forward=1: a session needs 0 \[TP_SYSCTL\]/],
  },
  {
    what: "Docker's socket by the flag that also copies logins",
    args: ['--use-api-socket', IMAGE],
    says: [/TP_API_SOCKET/, /-v \/var\/run\/docker\.sock/],
  },
  {
    what: 'a terminal where there is none',
    args: ['-it', IMAGE],
    code: 1,
    says: [/the input device is not a TTY \[TP_NOT_A_TERMINAL\]/],
  },
  { what: 'signals that would stop here', args: ['--sig-proxy=false', IMAGE], says: [/TP_SIG_PROXY/] },
  {
    what: 'a label by which the Service finds its pods',
    args: ['--drop-label', 'app', IMAGE],
    says: [/--drop-label app: Service servicename finds its pods by it \[TP_DROP_LABEL\]/],
  },
  {
    what: 'a sidecar that is none',
    args: ['--without-container', 'nosuch', IMAGE],
    says: [/--without-container nosuch: not a sidecar of this pod \[TP_NO_CONTAINER\]/],
  },
  {
    what: 'a network image that is nowhere',
    args: ['--network-image', 'localhost:1/nosuch:1', IMAGE],
    says: [/--network-image localhost:1\/nosuch:1: .*\[TP_NETWORK_PULL\]/, /docker pull localhost:1/],
  },
  {
    what: "an image that the node cannot pull for the proxy's pod",
    args: ['--proxy-image', 'localhost:1/nosuch:1', IMAGE],
    says: [/ErrImagePull|ImagePullBackOff/, /TP_PROXY_PULL/, /--proxy-image IMAGE/],
  },
  {
    what: "an image without Node for the proxy's pod",
    args: ['--proxy-image', 'localhost/pause:dev', IMAGE],
    says: [/RunContainerError|CreateContainerError|StartError|CrashLoopBackOff/, /TP_PROXY_FAILED/],
  },
  {
    what: 'a port that is taken',
    args: ['-p', '127.0.0.1:6443:80', IMAGE],
    says: [/Docker refuses: .*6443.*\[TP_DOCKER\]/],
  },
  {
    what: "a quota that has no room for the proxy's pod",
    args: ['-n', 'tp-e2e-quota', IMAGE],
    says: [/exceeded quota: none-left.*\[TP_QUOTA\]/, /kubectl describe quota none-left/],
  },
  {
    what: 'a level of PodSecurity that a sidecar does not meet',
    args: ['-n', 'tp-e2e-security', '--container', 'app', '--workload', 'deployment/web', IMAGE],
    says: [/violates PodSecurity "restricted:latest".*\[TP_POD_SECURITY\]/, /--without-container/],
  },
  {
    what: 'a policy that refuses the pod',
    args: ['-n', 'tp-e2e-policy', IMAGE],
    says: [
      /ValidatingAdmissionPolicy 'tp-e2e-policy'.*no pods here.*\[TP_ADMISSION\]/,
      /whoever runs tp-e2e/,
    ],
  },
  {
    what: 'a pod that no node takes, in two minutes',
    args: ['-n', 'tp-e2e-pending', IMAGE],
    says: [
      /to be scheduled: .*affinity\/selector/,
      /no node took the proxy's pod in 120 s: .*\[TP_PENDING\]/,
    ],
  },
  {
    what: "a pod on the node's network",
    args: ['-n', 'tp-e2e-host', IMAGE],
    says: [/web uses the node's network.*\[TP_HOST_NETWORK\]/],
  },
  {
    what: 'a pod of several containers, of which the image does not say which',
    args: ['-n', 'tp-e2e-security', '--workload', 'deployment/web', 'node:24-slim'],
    says: [/which of its containers\? \[TP_WHICH_CONTAINER\]/, /--container app\n {2}--container sidecar/],
  },
  {
    what: 'original pods that are not there to fall back to',
    args: ['-n', 'tp-e2e-gone', IMAGE],
    says: [/cannot reach the original pods.*\[TP_NO_FALLBACK\]/, /--no-fallback to go on/],
  },
];

/** A namespace with a Deployment that has no pods, and something in the way. */
const namespace = (name: string, more: { pod?: string; labels?: string; service?: boolean } = {}) => `
apiVersion: v1
kind: Namespace
metadata: {name: ${name}, labels: {tp-e2e: errors${more.labels ?? ''}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ${name}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: ${more.pod ?? '{containers: [{name: app, image: "examplecom/servicename:1.0"}]}'}
---
${
  more.service
    ? `apiVersion: v1
kind: Service
metadata: {name: web, namespace: ${name}}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---`
    : ''
}`;

const APP = '{name: app, image: "examplecom/servicename:1.0"}';

const OBSTACLES = [
  namespace('tp-e2e-quota'),
  `{apiVersion: v1, kind: ResourceQuota, metadata: {name: none-left, namespace: tp-e2e-quota}, spec: {hard: {pods: "0"}}}
---`,
  namespace('tp-e2e-security', {
    labels: ', pod-security.kubernetes.io/enforce: restricted',
    pod: `{containers: [${APP}, {name: sidecar, image: "examplecom/thing:1.0", securityContext: {privileged: true}}]}`,
  }),
  namespace('tp-e2e-policy'),
  `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: tp-e2e-policy}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: tp-e2e-policy}}
  validations: [{expression: "false", message: no pods here}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: tp-e2e-policy}
spec: {policyName: tp-e2e-policy, validationActions: [Deny]}
---`,
  namespace('tp-e2e-pending', { pod: `{nodeSelector: {tp-e2e: nowhere}, containers: [${APP}]}` }),
  namespace('tp-e2e-host', { pod: `{hostNetwork: true, containers: [${APP}]}` }),
  namespace('tp-e2e-gone', { service: true }),
].join('\n');

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
    await apply(OBSTACLES);
    // The controllers give each namespace its account and its certificate a moment later.
    for (const { metadata } of (await kubectlJson<List>('get', 'namespaces', '-l', 'tp-e2e=errors')).items)
      await eventually(
        () =>
          kubectl(
            'get',
            '-n',
            metadata.name,
            'configmap/kube-root-ca.crt',
            'serviceaccount/default',
            '--ignore-not-found',
            '-o',
            'name',
          ),
        (names) => names.trim().split('\n').length === 2,
      );
    const token = (await kubectl('create', 'token', 'tp-e2e-weak')).trim();
    const raw = await kubectl('config', 'view', '--raw', '--kubeconfig', kubeconfig);
    files.weak = join(directory, 'weak');
    files.unreachable = join(directory, 'unreachable');
    files.expired = join(directory, 'expired');
    files.broken = join(directory, 'broken');
    files.docker = join(directory, 'docker');
    writeFileSync(files.broken, '{');
    mkdirSync(files.docker);
    writeFileSync(join(files.docker, 'config.json'), '{');
    const withToken = (token: string) =>
      raw.replace(/client-certificate-data:.*|client-key-data:.*/g, (line) =>
        line.startsWith('client-key') ? '' : `token: ${token}`,
      );
    writeFileSync(files.expired, withToken('expired'), { mode: 0o600 });
    writeFileSync(files.weak, withToken(token), { mode: 0o600 });
    writeFileSync(files.unreachable, raw.replace(/server: .*/, 'server: https://127.0.0.1:64999'), {
      mode: 0o600,
    });
  });
  after(async () => {
    rmSync(directory, { recursive: true });
    for (const kind of ['serviceaccount', 'role', 'rolebinding'])
      await kubectl('delete', kind, 'tp-e2e-weak');
    await kubectl('delete', 'namespaces', '-l', 'tp-e2e=errors');
    for (const kind of ['validatingadmissionpolicybinding', 'validatingadmissionpolicy'])
      await kubectl('delete', kind, 'tp-e2e-policy');
  });

  for (const { what, args, env = {}, code = 125, says } of CASES) {
    test(what, async () => {
      const before = await snapshot();
      const own = Object.fromEntries(
        Object.entries(env).map(([key, value]) => [key, files[value ?? ''] ?? value]),
      );
      const tp = new Tp(['docker-run', ...args], { env: own, cwd: directory });
      assert.equal(await tp.exited, code, tp.stderr);
      for (const pattern of says) assert.match(tp.stderr, pattern);
      assert.doesNotMatch(tp.stderr, /bug in tp|\n {4}at /);
      assert.equal(tp.stdout, '');
      assert.deepEqual(await snapshot(), before);
    });
  }

  test('a session that is not there', async () => {
    const before = await snapshot();
    const tp = new Tp(['leave', '0123456789']);
    assert.equal(await tp.exited, 125);
    assert.match(tp.stderr, /there is no session 0123456789 in namespace default \[TP_NO_SESSION\]/);
    assert.deepEqual(await snapshot(), before);
  });

  test('a key of tp.yaml that no flag has, with its line and the nearest', async () => {
    const before = await snapshot();
    const place = mkdtempSync(join(directory, 'code-'));
    writeFileSync(join(place, 'tp.yaml'), 'namespace: default\nworklod: deployment/servicename\n');
    const tp = new Tp(['docker-run', IMAGE], { cwd: place });
    assert.equal(await tp.exited, 125);
    assert.match(
      tp.stderr,
      /tp\.yaml: line 2: there is no key "worklod" \[TP_CONFIG_FILE\]\n {2}workload: …/,
    );
    assert.deepEqual(await snapshot(), before);
  });

  test('a container that dies at once: its own words, its exit code', async () => {
    const before = await snapshot();
    const tp = new Tp(['docker-run', IMAGE, 'node', '-e', 'console.error("no database"); process.exit(3)']);
    assert.equal(await tp.exited, 3);
    assert.match(tp.stderr, /no database/);
    assert.match(tp.stderr, /the container ended with exit code 3/);
    assert.deepEqual(await snapshot(), before);
  });
});
