/** The namespace of a session is deleted under it: nothing can be made there any more, so the session ends by itself. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { apply, kubectl } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const NAMESPACE = 'tp-e2e-namespace';
const IMAGE = 'examplecom/servicename';
const inNamespace = ['-n', NAMESPACE];

const SURROUNDINGS = `
{apiVersion: v1, kind: Namespace, metadata: {name: ${NAMESPACE}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: servicename, namespace: ${NAMESPACE}}
spec:
  selector: {matchLabels: {app: servicename}}
  template:
    metadata: {labels: {app: servicename}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: 'examplecom/servicename:1.0', imagePullPolicy: IfNotPresent, ports: [{containerPort: 8080}]}
---
{apiVersion: v1, kind: Service, metadata: {name: servicename, namespace: ${NAMESPACE}}, spec: {selector: {app: servicename}, ports: [{port: 80, targetPort: 8080}]}}
`;

/** What keeps a namespace from going until it is removed: others' controllers have such objects. */
const HELD = `
{apiVersion: v1, kind: ConfigMap, metadata: {name: held, namespace: ${NAMESPACE}, finalizers: [example.com/held]}}
`;

describe('the namespace of a session is deleted', () => {
  let untouched: unknown;
  beforeEach(async () => {
    untouched = await snapshot();
    await apply(SURROUNDINGS);
    await kubectl(...inNamespace, 'rollout', 'status', 'deployment/servicename', '--timeout=60s');
  });
  const release = () =>
    kubectl(
      ...inNamespace,
      'patch',
      'configmap/held',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":null}}',
    );
  after(async () => {
    await release().catch(() => {}); // only where a test failed is it still there
    await kubectl('delete', 'namespace', NAMESPACE, '--ignore-not-found');
  });

  const NAMED = /^tp: .*\bnamespace tp-e2e-namespace\b.* \[TP_NAMESPACE_ENDS\]$/gm;

  for (const [what, flags, started] of [
    ['whose Service led to the laptop', [], /Service servicename is switched/],
    ['without inbound traffic', ['--no-inbound'], /ready: context/],
  ] as const) {
    test(`one ${what}`, async () => {
      await using session = await Tp.session([...inNamespace, ...flags, '--rm', IMAGE], started);
      await kubectl('delete', 'namespace', NAMESPACE); // returns when it is gone
      assert.equal(await session.exited, 125, session.stderr);
      assert.equal(session.stderr.match(NAMED)?.length, 1, session.stderr);
      const last = session.stderr.trimEnd().split('\n').slice(-2).join('\n');
      assert.match(last, NAMED, session.stderr);
      assert.deepEqual(await snapshot(), untouched, session.stderr);
    });
  }

  test('and does not go: no session begins in it, and none stays', async () => {
    await apply(HELD);
    await using session = await Tp.session(
      [...inNamespace, '--rm', IMAGE],
      /Service servicename is switched/,
    );
    await kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
    assert.equal(await session.exited, 125, session.stderr);
    assert.equal(session.stderr.match(NAMED)?.length, 1, session.stderr);
    const late = new Tp(['docker-run', ...inNamespace, '--no-workload', '--rm', IMAGE]);
    assert.equal(await late.exited, 125, late.stderr);
    assert.match(late.stderr, NAMED);
    await release();
    const gone = () => kubectl('get', 'namespace', NAMESPACE, '--ignore-not-found', '-o', 'name');
    await eventually(gone, (name) => name === '', 60_000);
    assert.deepEqual(await snapshot(), untouched);
  });
});
