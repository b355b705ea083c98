/**
 * A session in a namespace as a strict platform team has it, with nothing but the Role of `tp rbac`: PodSecurity
 * `restricted`, a quota that is nearly used up, a LimitRange, and policies that deny all but what the workload needs. These
 * are put in force by rules of the test's own (harness/network-policies.ts), as the embedded cluster enforces none.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import type { Finding } from '../../src/doctor/finding.ts';
import type { SessionStatus } from '../../src/status/session-status.ts';
import { codeBlocks, read } from '../docs/markdown.ts';
import { entriesOf, writeKubeconfig } from './harness/access.ts';
import { apply, embedded, kubeconfig, kubectl } from './harness/cluster.ts';
import { inContainer } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { NetworkPolicies } from './harness/network-policies.ts';
import { snapshot } from './harness/snapshot.ts';
import { tp as asAdmin, Tp } from './harness/tp.ts';

const NAMESPACE = 'tp-e2e-strict';
const IMAGE = 'examplecom/servicename';
const LAPTOP = 'tp-e2e-strict';
const SWITCHED = /Service servicename is switched/;
const inNamespace = ['-n', NAMESPACE];

/** The workload takes four pods of the defaults; the last of everything is for the session. */
const SURROUNDINGS = `
apiVersion: v1
kind: Namespace
metadata: {name: ${NAMESPACE}, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: sizes, namespace: ${NAMESPACE}}
spec:
  limits:
  - type: Container
    defaultRequest: {cpu: 20m, memory: 32Mi}
    default: {cpu: 200m, memory: 128Mi}
    min: {cpu: 10m, memory: 16Mi}
    max: {cpu: 500m, memory: 192Mi}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: team, namespace: ${NAMESPACE}}
spec:
  hard:
    pods: "5"
    services: "4"
    configmaps: "2"
    requests.cpu: 130m
    requests.memory: 224Mi
    limits.cpu: "1"
    limits.memory: 640Mi
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: ${NAMESPACE}}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: ${NAMESPACE}}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
`;

/** Who calls whom, on port 8080. */
const CALLS = [
  ['frontend', 'servicename'],
  ['servicename', 'thing1'],
] as const;

const allow = (caller: string, callee: string) => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: from-${caller}, namespace: ${NAMESPACE}}
spec:
  podSelector: {matchLabels: {app: ${callee}}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {app: ${caller}}}}], ports: [{port: 8080}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: to-${callee}, namespace: ${NAMESPACE}}
spec:
  podSelector: {matchLabels: {app: ${caller}}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {matchLabels: {app: ${callee}}}}], ports: [{port: 8080}]}]
---`;

const workload = (name: string, image: string, command = '') => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: ${NAMESPACE}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: app
        image: ${image}
        imagePullPolicy: IfNotPresent
        ${command}
        env: [{name: THING, value: ${name}}]
        ports: [{containerPort: 8080}]
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
---`;

const service = (name: string) => `
{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: ${NAMESPACE}}, spec: {selector: {app: ${name}}, ports: [{port: 80, targetPort: 8080}]}}
---`;

const WORKLOADS = ['servicename', 'thing1', 'thing2', 'frontend'];

const MANIFEST = [
  ...CALLS.map(([caller, callee]) => allow(caller, callee)),
  ...WORKLOADS.slice(0, 3).map(service),
  workload('servicename', 'examplecom/servicename:1.0'),
  workload('thing1', 'examplecom/thing:1.0'),
  workload('thing2', 'examplecom/thing:1.0'),
  workload('frontend', 'examplecom/thing:1.0', 'command: [sleep, infinity]'),
].join('');

/** What a URL answers, as a string; why not, where it does not. */
const ASK = (url: string) => `
  const answer = fetch('${url}', { signal: AbortSignal.timeout(3000), headers: { connection: 'close' } }).then((response) => response.text());
  // Node would wait for a connection that is still being made.
  process.stdout.write(await answer.catch((error) => 'no answer: ' + error.name), () => process.exit());`;

const fromFrontend = (url: string) =>
  kubectl('exec', ...inNamespace, 'deploy/frontend', '--', 'node', '--input-type=module', '-e', ASK(url));

const fromLaptop = (url: string) => inContainer(LAPTOP, ASK(url));

const who = () => fromFrontend('http://servicename/who');
const isLaptop = (answer: string) => answer.includes('"tp-servicename-');
const isOriginal = (answer: string) => answer.includes('"servicename-');

/** An account of the namespace with the Role that `tp rbac` prints; gives a kubeconfig of it. */
async function developer(folder: string): Promise<string> {
  const { stdout: role } = await asAdmin('rbac');
  const metadata = { name: 'tp' };
  const api = 'rbac.authorization.k8s.io';
  const binding = {
    apiVersion: `${api}/v1`,
    kind: 'RoleBinding',
    metadata: { ...metadata, namespace: NAMESPACE },
    roleRef: { apiGroup: api, kind: 'Role', name: 'tp' },
    subjects: [{ kind: 'ServiceAccount', name: 'developer', namespace: NAMESPACE }],
  };
  await kubectl(...inNamespace, 'create', 'serviceaccount', 'developer');
  await apply(`${role.replace('name: tp', `name: tp\n  namespace: ${NAMESPACE}`)}---\n${stringify(binding)}`);
  const token = (await kubectl(...inNamespace, 'create', 'token', 'developer')).trim();
  return writeKubeconfig(folder, 'developer', {
    cluster: (await entriesOf(kubeconfig)).cluster,
    user: { token },
  });
}

describe('a strict namespace', { skip: !embedded && 'the rules are made in the embedded node' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tp-e2e-strict-'));
  let policies: NetworkPolicies;
  let env: { KUBECONFIG: string };
  const start = (...args: string[]) =>
    new Tp(['docker-run', ...inNamespace, '--name', LAPTOP, ...args, IMAGE], { env });
  const tp = async (...args: string[]) => {
    const command = new Tp([...args, ...inNamespace], { env });
    const code = await command.exited;
    assert.equal(code, 0, command.stderr + command.stdout);
    return command.stdout;
  };

  before(async () => {
    await apply(SURROUNDINGS);
    // Pods and objects that come before the controllers have counted are refused.
    await eventually(
      () => kubectl(...inNamespace, 'get', 'quota/team', '-o', 'jsonpath={.status.used.configmaps}'),
      (used) => used === '1',
    );
    env = { KUBECONFIG: await developer(folder) };
    await apply(MANIFEST);
    for (const name of WORKLOADS)
      await kubectl(...inNamespace, 'rollout', 'status', `deployment/${name}`, '--timeout=60s');
    policies = await NetworkPolicies.enforce();
  });
  after(async () => {
    await policies[Symbol.asyncDispose]();
    await kubectl('delete', 'namespace', NAMESPACE);
    rmSync(folder, { recursive: true });
  });

  test('its policies are in force: else the rest would show nothing', async () => {
    assert.ok(isOriginal(await who()));
    assert.match(await fromFrontend('http://thing1/'), /no answer: TimeoutError/);
  });

  test('without a way to the original pods a session stops, before anything is switched', async () => {
    const untouched = await snapshot();
    const refused = start();
    assert.equal(await refused.exited, 125, refused.stderr);
    assert.match(refused.stderr, /cannot reach the original pods \(port 8080: .*\) \[TP_NO_FALLBACK\]/);
    assert.match(refused.stderr, /docs\/strict-namespaces\.md/);
    assert.doesNotMatch(refused.stderr, SWITCHED);
    assert.deepEqual(await snapshot(), untouched);
  });

  test('--no-fallback needs no such way', async () => {
    const untouched = await snapshot();
    await using session = start('--no-fallback');
    await session.says(SWITCHED);
    await eventually(who, isLaptop, 20_000);
    await session.end();
    assert.deepEqual(await snapshot(), untouched);
  });

  describe('that lets a proxy call the original pods', () => {
    before(async () => {
      const [manifest = ''] = codeBlocks(read('docs/strict-namespaces.md'), 'yaml');
      await apply(manifest.replaceAll('metadata: {', `metadata: {namespace: ${NAMESPACE}, `));
      await policies.refresh();
    });

    test('answers from the laptop, which reaches what the workload may reach', async () => {
      const untouched = await snapshot();
      await using session = start();
      await session.says(SWITCHED);
      await session.says(/ready: context/);
      await eventually(who, isLaptop, 20_000);
      assert.match(await fromLaptop('http://thing1/'), /"name":"thing1"/);
      assert.doesNotMatch(await fromLaptop('http://thing2/'), /"name"/, 'the workload may not call it');

      const [status] = JSON.parse(await tp('status', '-o', 'json')) as SessionStatus[];
      assert.deepEqual(
        [status?.session, status?.link.state, status?.services[0]?.switched],
        [session.session, 'connected', true],
      );
      assert.match(await tp('logs', session.session), /\S/);
      const { findings } = JSON.parse(await tp('doctor', '-o', 'json')) as { findings: Finding[] };
      assert.deepEqual(
        findings.filter(({ level }) => level === 'failure' || level === 'warning'),
        [],
      );

      assert.equal(await session.end(), 0, session.stderr);
      assert.ok(isOriginal(await eventually(who, isOriginal)));
      assert.deepEqual(await snapshot(), untouched);
    });

    test('gives the proxy its own limits, whatever else the login may read', async () => {
      await using session = start('--kubeconfig', kubeconfig);
      await session.says(SWITCHED);
      const path = `jsonpath={.items[0].spec.containers[0].resources.limits}`;
      const limits = await kubectl(...inNamespace, 'get', 'pods', '-l', 'tp/session', '-o', path);
      assert.deepEqual(JSON.parse(limits), { cpu: '200m', memory: '128Mi' });
      const checked = await asAdmin('doctor', '-o', 'json', ...inNamespace);
      // The session that runs has the last of everything.
      assert.match(checked.stdout, /quota team: limits.cpu: 1 of 1 are used, and a session needs 200m/);
    });

    test('is answered by the original pods after kill -9, until tp leave', async () => {
      const untouched = await snapshot();
      const session = start();
      await session.says(SWITCHED);
      await session.says(/ready: context/);
      await eventually(who, isLaptop, 20_000);
      session.child.kill('SIGKILL');
      await session.exited;
      await eventually(who, isOriginal, 20_000);
      const selector = ['get', 'service/servicename', '-o', 'jsonpath={.spec.selector}'];
      assert.match(await kubectl(...inNamespace, ...selector), /tp\/session/, 'through the proxy');
      await tp('leave');
      assert.ok(isOriginal(await who()));
      assert.deepEqual(await snapshot(), untouched);
    });

    test('refuses a session in one line when the quota has no room for its pod', async () => {
      const quota = (pods: string) =>
        kubectl(...inNamespace, 'patch', 'quota/team', '-p', JSON.stringify({ spec: { hard: { pods } } }));
      await quota('4');
      await eventually(
        () => kubectl(...inNamespace, 'get', 'quota/team', '-o', 'jsonpath={.status.hard.pods}'),
        (pods) => pods === '4',
      );
      try {
        const untouched = await snapshot();
        const refused = start();
        assert.equal(await refused.exited, 125, refused.stderr);
        assert.match(
          refused.stderr,
          /exceeded quota: team.* \[TP_QUOTA\]\n {2}kubectl describe quota team\n$/,
        );
        assert.doesNotMatch(refused.stderr, SWITCHED);
        assert.deepEqual(await snapshot(), untouched);
      } finally {
        await quota('5');
      }
    });
  });
});
