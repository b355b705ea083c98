/** Workloads that are neither Deployment nor StatefulSet: each stood in for, and left as it was. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apply, callService, kubectl } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename:1.0';
const nameOf = (kind: string) => `tp-e2e-${kind}`;

const podSpec = `
  restartPolicy: RESTART
  terminationGracePeriodSeconds: 0
  containers: [{name: web, image: ${IMAGE}, env: [{name: OF_THE_WORKLOAD, value: "yes"}], ports: [{containerPort: 8080}]}]`;

const indented = (text: string, by: number) => text.replaceAll('\n', `\n${' '.repeat(by)}`);
const template = (kind: string, restart: string, by: number) =>
  indented(
    `\ntemplate:\n  metadata: {labels: {app: ${nameOf(kind)}}}\n  spec:${indented(podSpec, 2)}`,
    by,
  ).replace('RESTART', restart);
const selector = (kind: string) => `selector: {matchLabels: {app: ${nameOf(kind)}}}`;

/** A manifest of each kind, and where it is to be asked whether its pod is there. */
const KINDS: Record<string, { manifest: string; apiVersion: string }> = {
  DaemonSet: {
    apiVersion: 'apps/v1',
    manifest: `spec:\n  ${selector('daemonset')}${template('daemonset', 'Always', 2)}`,
  },
  ReplicaSet: {
    apiVersion: 'apps/v1',
    manifest: `spec:\n  ${selector('replicaset')}${template('replicaset', 'Always', 2)}`,
  },
  Job: {
    apiVersion: 'batch/v1',
    manifest: `spec:\n  activeDeadlineSeconds: 3600${template('job', 'Never', 2)}`,
  },
  Pod: { apiVersion: 'v1', manifest: `spec:${podSpec.replace('RESTART', 'OnFailure')}` },
};

const service = (kind: string) => `
apiVersion: v1
kind: Service
metadata: {name: ${nameOf(kind)}}
spec: {selector: {app: ${nameOf(kind)}}, ports: [{port: 80, targetPort: 8080}]}`;

describe('a workload that is a', () => {
  let clean: Awaited<ReturnType<typeof snapshot>>;
  before(async () => {
    clean = await snapshot();
  });
  after(async () => assert.deepEqual(await snapshot(), clean));

  for (const [kind, { apiVersion, manifest }] of Object.entries(KINDS)) {
    test(kind, async () => {
      const lower = kind.toLowerCase();
      const name = nameOf(lower);
      const metadata = `metadata: {name: ${name}, labels: {app: ${name}}}`;
      await apply(`apiVersion: ${apiVersion}\nkind: ${kind}\n${metadata}\n${manifest}\n---${service(lower)}`);
      try {
        const who = () => callService(`http://${name}/who`).catch(String);
        const original = await eventually(who, (text) => /"hostname":"tp-e2e-/.test(text), 60_000);
        const before = await snapshot();
        {
          await using session = new Tp([
            'docker-run',
            '--workload',
            `${lower}/${name}`,
            '--hostname',
            'laptop',
            IMAGE,
          ]);
          await session.says(new RegExp(`Service ${name} is switched`));
          await eventually(who, (text) => text === '{"hostname":"laptop"}');
        }
        assert.equal(await who(), original);
        assert.deepEqual(await snapshot(), before);
        const { code, stderr } = await tp('docker-run', '--workload', `${lower}/${name}`, '--replace', IMAGE);
        assert.equal(code, 125);
        assert.match(stderr, /cannot be scaled to zero.*TP_REPLACE_NONE/);
      } finally {
        await kubectl('delete', `${lower},service`, name, '--grace-period=0', '--timeout=60s');
        await kubectl('wait', '--for=delete', 'pod', '-l', `app=${name}`, '--timeout=60s');
      }
    });
  }

  test('CronJob, which has no pods now', async () => {
    const name = nameOf('cronjob');
    const job = template('cronjob', 'Never', 6);
    await apply(
      `apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: ${name}}\nspec:\n  schedule: "0 0 1 1 *"\n  jobTemplate:\n    spec:${job}`,
    );
    try {
      const line = ['--workload', `cj/${name}`, IMAGE, 'printenv', 'OF_THE_WORKLOAD'];
      const { code, stdout, stderr } = await tp('docker-run', ...line);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, 'yes\n');
    } finally {
      await kubectl('delete', 'cronjob', name, '--timeout=60s');
    }
  });
});
