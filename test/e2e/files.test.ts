/** The pod's mounts in the laptop's container: what is there, and what becomes of it. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { apply, kubectl, kubectlArguments, withInput } from './harness/cluster.ts';
import { docker, inContainer, jsonFrom } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const WORKLOAD = 'tp-e2e-files';
const NAME = 'tp-e2e-files-container';
const SESSION = ['--workload', `deployment/${WORKLOAD}`, '--no-inbound', '--name', NAME];

/** How long a change of a ConfigMap may take to its pod: the kubelet looks once a minute, and its cache is as old (ms). */
const KUBELET_LIMIT_MS = 150_000;

/** The aim for what comes after the pod's own view (ms). */
const BEHIND_LIMIT_MS = 5_000;

const objects = (greeting: string) => `
apiVersion: v1
kind: ConfigMap
metadata: {name: ${WORKLOAD}}
data: {greeting: "${greeting}", other: "as ever"}
---
apiVersion: v1
kind: Secret
metadata: {name: ${WORKLOAD}}
stringData: {password: "not for a disk"}
`;

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${WORKLOAD}}
spec:
  replicas: 1
  selector: {matchLabels: {app: ${WORKLOAD}}}
  template:
    metadata: {labels: {app: ${WORKLOAD}}, annotations: {note: "for the process"}}
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: {fsGroup: 4321}
      initContainers:
        - name: fill
          image: examplecom/servicename:1.0
          imagePullPolicy: IfNotPresent
          command: [sh, -c, "umask 027; mkdir -p /work/deep; echo made > /work/deep/file; ln -s deep/file /work/link; chmod 750 /work/deep"]
          volumeMounts: [{name: work, mountPath: /work}]
      containers:
        - name: web
          image: examplecom/servicename:1.0
          imagePullPolicy: IfNotPresent
          volumeMounts:
            - {name: config, mountPath: /etc/web}
            - {name: config, mountPath: /etc/one/greeting.txt, subPath: greeting}
            - {name: items, mountPath: /etc/items}
            - {name: secret, mountPath: /etc/secret, readOnly: true}
            - {name: everything, mountPath: /etc/everything}
            - {name: work, mountPath: /var/work}
            - {name: host, mountPath: /var/of-the-node}
      volumes:
        - {name: config, configMap: {name: ${WORKLOAD}}}
        - {name: items, configMap: {name: ${WORKLOAD}, defaultMode: 0440, items: [{key: other, path: a/b/other, mode: 0604}, {key: greeting, path: greeting}]}}
        - {name: secret, secret: {secretName: ${WORKLOAD}, defaultMode: 0440}}
        - name: everything
          projected:
            sources:
              - configMap: {name: ${WORKLOAD}, items: [{key: other, path: other}]}
              - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: "metadata.labels['app']"}}, {path: notes, fieldRef: {fieldPath: "metadata.annotations['note']"}}]}
              - serviceAccountToken: {path: token, audience: somebody, expirationSeconds: 600}
        - {name: work, emptyDir: {}}
        - {name: host, hostPath: {path: /var/log}}
`;

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount';
const PLACES = ['/etc/web', '/etc/one', '/etc/items', '/etc/secret', '/etc/everything', '/var/work', TOKEN];

/** A session, with its container running: without inbound traffic nothing else says that. */
async function begin(...flags: string[]): Promise<Tp> {
  const session = await Tp.session([...SESSION, ...flags, 'examplecom/servicename']);
  const running = () => docker('inspect', '-f', '{{.State.Running}}', NAME).catch(String);
  await eventually(running, (text) => text.trim() === 'true');
  return session;
}

/** Lists places: of each path its type, mode, owner, link and content; tokens and times differ from pod to pod. */
const LIST = `
  import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
  const all = {};
  const timeless = (text) => text.replace(/\\.\\.\\d{4}_[\\d_.]+/g, '..TIME');
  const visit = (path) => {
    const stats = lstatSync(path);
    const type = stats.isSymbolicLink() ? 'link' : stats.isDirectory() ? 'directory' : 'file';
    const text = type === 'link' ? readlinkSync(path) : type === 'file' ? readFileSync(path, 'utf8') : '';
    // What a directory at a mount's place is, was made by the runtime.
    all[timeless(path)] = [type, (stats.mode & 0o7777).toString(8), stats.uid, stats.gid,
      path.endsWith('/token') && type === 'file' ? text.split('.').length : timeless(text)];
    if (type === 'directory') for (const each of readdirSync(path).sort()) visit(path + '/' + each);
  };
  for (const place of process.argv.slice(2)) visit(place);
  console.log(JSON.stringify(all));`;

describe('the files of the pod', () => {
  let empty: Awaited<ReturnType<typeof snapshot>>;
  before(async () => {
    empty = await snapshot();
    await apply(`${objects('hello')}---${deployment}`);
    await kubectl('rollout', 'status', `deployment/${WORKLOAD}`, '--timeout=120s');
  });
  after(async () => {
    await kubectl('delete', 'deployment,configmap,secret', WORKLOAD, '--timeout=60s');
    await kubectl('wait', '--for=delete', 'pod', '-l', `app=${WORKLOAD}`, '--timeout=60s');
    assert.deepEqual(await snapshot(), empty, 'nothing is left behind');
  });

  test('are as the pod has them', async () => {
    await using session = await begin();
    const [program, prefix] = kubectlArguments;
    const args = [
      ...prefix,
      'exec',
      '-i',
      `deployment/${WORKLOAD}`,
      '--',
      'node',
      '--input-type=module',
      '-',
      ...PLACES,
    ];
    const pod = JSON.parse(await withInput(program, args, LIST)) as object;
    assert.ok(Object.keys(pod).length > 30, 'the pod has something');
    assert.deepEqual(await jsonFrom(NAME, LIST, ...PLACES), pod);
    assert.match(session.stderr, /volume host is left out/);
    const write = (path: string) =>
      inContainer(NAME, `import { writeFileSync } from 'node:fs'; writeFileSync('${path}', 'mine');`);
    await write('/var/work/mine');
    await assert.rejects(write('/etc/web/mine'), /EROFS/);
    await assert.rejects(write('/etc/one/greeting.txt'), /EROFS/);
    // A secret is nowhere on the disk of Docker's machine.
    const disk = await docker('volume', 'inspect', '-f', '{{.Mountpoint}}', `tp-${session.session}-disk`);
    await assert.rejects(
      withInput('grep', ['-r', 'not for a disk', disk.trim()], ''),
      /Command failed|code 1|exit/,
    );
  });

  test('let a client of the Kubernetes API in', async () => {
    await using _session = await begin();
    const review = await jsonFrom<{ status: { userInfo: { username: string } } }>(
      NAME,
      `import { readFileSync } from 'node:fs';
      import { request } from 'node:https';
      const of = (name) => readFileSync('${TOKEN}/' + name, 'utf8');
      const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
      const headers = { authorization: 'Bearer ' + of('token'), 'content-type': 'application/json' };
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
      request({ host, port, path, method: 'POST', ca: of('ca.crt'), headers }, (answer) => answer.pipe(process.stdout))
        .end(JSON.stringify(body));`,
    );
    assert.equal(review.status.userInfo.username, 'system:serviceaccount:default:default');
  });

  test('are the user’s own where the user mounts something', async () => {
    const mine = mkdtempSync(join(tmpdir(), 'tp-e2e-files-'));
    try {
      chmodSync(mine, 0o755); // the image's user is another
      mkdirSync(join(mine, 'etc'));
      writeFileSync(join(mine, 'etc/greeting'), 'from the laptop');
      const flags = [
        '-v',
        `${join(mine, 'etc')}:/etc/web:ro`,
        '-v',
        `${mine}:/var`,
        '--tmpfs',
        '/etc/secret',
      ];
      await using session = await begin(...flags);
      const list = async (path: string) =>
        await jsonFrom(
          NAME,
          `import fs from 'node:fs'; console.log(JSON.stringify(fs.readdirSync('${path}')))`,
        );
      assert.deepEqual(await list('/etc/web'), ['greeting']);
      assert.deepEqual(await list('/etc/secret'), []);
      // Docker would make a directory of the host's for it.
      assert.deepEqual(await list('/var'), ['etc']);
      assert.match(session.stderr, /\/var\/work of the pod is left out: Docker would make /);
    } finally {
      rmSync(mine, { recursive: true });
    }
  });

  test('change when the pod’s do, in one step', async () => {
    await using session = await begin();
    // What a process sees that looks all the time.
    const watch = `
      import { readFileSync } from 'node:fs';
      const seen = [];
      const end = Date.now() + ${KUBELET_LIMIT_MS};
      while (Date.now() < end && !seen.includes('changed')) {
        let text;
        try { text = readFileSync('/etc/web/greeting', 'utf8'); } catch (error) { text = error.code; }
        if (text !== seen.at(-1)) seen.push(text);
        await new Promise((resolve) => setImmediate(resolve));
      }
      console.log(JSON.stringify(seen));`;
    const seen = jsonFrom(NAME, watch);
    seen.catch(() => {}); // looked at below
    await apply(objects('changed'));
    const inPod = () =>
      kubectl('exec', `deployment/tp-${WORKLOAD}-${session.session}`, '--', 'cat', '/etc/web/greeting');
    await eventually(inPod, (text) => text === 'changed', KUBELET_LIMIT_MS);
    const here = () => docker('exec', NAME, 'cat', '/etc/web/greeting', '/etc/one/greeting.txt');
    await eventually(here, (text) => text === 'changedhello', BEHIND_LIMIT_MS);
    assert.deepEqual(await seen, ['hello', 'changed']);
    await apply(objects('hello'));
  });

  test('are for whoever joins a session', async () => {
    const { code, stdout, stderr } = await tp('up', `deployment/${WORKLOAD}`, '--no-inbound');
    assert.equal(code, 0, stderr);
    try {
      const show = 'cat /etc/web/greeting /etc/one/greeting.txt';
      const joined = ['run', '--rm', ...stdout.trim().split(' ')];
      assert.equal(await docker(...joined, 'examplecom/servicename', 'sh', '-c', show), 'hellohello');
      // What one mounts oneself wins.
      const over = ['--tmpfs', '/etc/web', 'examplecom/servicename', 'ls', '-A', '/etc/web'];
      assert.equal(await docker(...joined, ...over), '');
    } finally {
      const down = await tp('down', WORKLOAD);
      assert.equal(down.code, 0, down.stderr);
    }
  });

  test('are gone with a session that was killed, and left', async () => {
    const clean = await snapshot();
    const session = await begin();
    session.child.kill('SIGKILL');
    await session.exited;
    await docker('rm', '--force', NAME, `tp-${session.session}`);
    assert.notEqual(await docker('volume', 'ls', '-q', '--filter', 'label=tp/session'), '');
    assert.equal((await tp('leave', '--all', '--yes')).code, 0);
    assert.deepEqual(await snapshot(), clean);
  });

  test('that are too large end the session before it begins', async () => {
    const fill = ['sh', '-c', 'head -c 70000000 /dev/zero > /work/large'];
    const patch = { spec: { template: { spec: { initContainers: [{ name: 'fill', command: fill }] } } } };
    await kubectl('patch', 'deployment', WORKLOAD, '-p', JSON.stringify(patch));
    await kubectl('rollout', 'status', `deployment/${WORKLOAD}`, '--timeout=120s');
    const { code, stderr } = await tp('docker-run', ...SESSION, 'examplecom/servicename');
    assert.equal(code, 125, stderr);
    assert.match(stderr, /TP_MOUNT/);
    assert.match(stderr, /\/var\/work, volume work of the pod: it holds more than 64 MiB/);
    assert.match(stderr, /-v SOMETHING:\/var\/work/);
    assert.equal(await docker('ps', '-aq', '--filter', 'label=tp/session'), '');
  });
});
