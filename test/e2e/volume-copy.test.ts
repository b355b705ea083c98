/** Volumes of one pod or one node, copied to the laptop: what comes, its bound, and what waits for it meanwhile. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { apply, callService, kubectl } from './harness/cluster.ts';
import { docker, inContainer, jsonFrom } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const WORKLOAD = 'tp-e2e-copy';
const NAME = 'tp-e2e-copy-container';
const FLAGS = ['--workload', `deployment/${WORKLOAD}`, '--name', NAME];
const MIB = 1024 * 1024;

/** What is copied while requests are answered. */
const LARGE_BYTES = 200 * MIB;

const objects = (directory: string) => `
apiVersion: v1
kind: PersistentVolume
metadata: {name: ${WORKLOAD}}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: ""
  claimRef: {namespace: default, name: ${WORKLOAD}}
  hostPath: {path: ${directory}/claimed}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ${WORKLOAD}}
spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeName: ${WORKLOAD}, resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Service
metadata: {name: ${WORKLOAD}}
spec: {selector: {app: ${WORKLOAD}}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${WORKLOAD}}
spec:
  replicas: 1
  selector: {matchLabels: {app: ${WORKLOAD}}}
  template:
    metadata: {labels: {app: ${WORKLOAD}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: examplecom/servicename:1.0
          imagePullPolicy: IfNotPresent
          command: [node, -e, "require('http').createServer((q, r) => r.end('original')).listen(8080)"]
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: data, mountPath: /again, readOnly: true}
            - {name: node, mountPath: /of-the-node}
      volumes:
        - {name: data, persistentVolumeClaim: {claimName: ${WORKLOAD}}}
        - {name: node, hostPath: {path: ${directory}/node}}
        - {name: config, emptyDir: {}}
`;

const SERVER = "require('http').createServer((q, r) => r.end('laptop')).listen(8080)";
const COMMAND = ['examplecom/servicename', 'node', '-e', SERVER];
const ready = () =>
  Tp.session(
    [...FLAGS, '--volume-copy', 'data', '--volume-copy', 'node', ...COMMAND],
    /Service .* is switched/,
  );

/** Of each path its type, mode, owner and content. */
const LIST = `
  import fs from 'node:fs';
  const all = {};
  const visit = (path) => {
    const stats = fs.lstatSync(path);
    const text = stats.isSymbolicLink() ? fs.readlinkSync(path) : stats.isFile() ? fs.readFileSync(path, 'utf8') : '';
    all[path] = [(stats.mode & 0o177777).toString(8), stats.uid, stats.gid, text];
    if (stats.isDirectory()) for (const each of fs.readdirSync(path).sort()) visit(path + '/' + each);
  };
  for (const place of process.argv.slice(2)) visit(place);
  console.log(JSON.stringify(all));`;

describe('--volume-copy', () => {
  let empty: Awaited<ReturnType<typeof snapshot>>;
  let directory = '';
  before(async () => {
    empty = await snapshot();
    directory = mkdtempSync('/tmp/tp-e2e-copy-');
    chmodSync(directory, 0o755);
    mkdirSync(join(directory, 'claimed/deep'), { recursive: true });
    mkdirSync(join(directory, 'node'));
    writeFileSync(join(directory, 'claimed/deep/file'), 'of the claim');
    chownSync(join(directory, 'claimed/deep/file'), 1234, 5678);
    chmodSync(join(directory, 'claimed/deep/file'), 0o4754); // after the owner, which takes that bit away
    chmodSync(join(directory, 'claimed/deep'), 0o2755);
    symlinkSync('deep/file', join(directory, 'claimed/link'));
    writeFileSync(join(directory, 'claimed/secret'), 'for others', { mode: 0o600 });
    writeFileSync(join(directory, 'node/file'), 'of the node');
    await apply(objects(directory));
    await kubectl('rollout', 'status', `deployment/${WORKLOAD}`, '--timeout=120s');
  });
  after(async () => {
    await kubectl('delete', 'deployment,service,persistentvolumeclaim', WORKLOAD, '--timeout=60s');
    await kubectl('wait', '--for=delete', 'pod', '-l', `app=${WORKLOAD}`, '--timeout=60s');
    await kubectl('delete', 'persistentvolume', WORKLOAD, '--timeout=60s');
    rmSync(directory, { recursive: true });
    assert.deepEqual(await snapshot(), empty, 'nothing is left behind');
  });

  test('brings what the volume holds, and it is the laptop’s own from then on', async () => {
    await using session = await ready();
    assert.match(session.stderr, /volume data is copied once at the start: at most 1 GiB/);
    assert.match(session.stderr, /\/(data|again)\/secret is for others to read/);
    await eventually(
      () => callService(`http://${WORKLOAD}/`),
      (text) => text === 'laptop',
    );
    const places = ['/data/deep', '/data/link', '/of-the-node/file'];
    const listed = await jsonFrom<Record<string, unknown[]>>(NAME, LIST, ...places);
    assert.deepEqual(listed, {
      '/data/deep': ['42755', 0, 0, ''],
      '/data/deep/file': ['104754', 1234, 5678, 'of the claim'],
      '/data/link': ['120777', 0, 0, 'deep/file'],
      '/of-the-node/file': ['100644', 0, 0, 'of the node'],
    });
    const fs = `import fs from 'node:fs'; `;
    await docker('exec', '--user', '0', NAME, 'sh', '-c', 'echo mine > /data/mine');
    // One copy, at both of its paths; only one of them may be written to, as in the pod.
    assert.equal(
      await inContainer(NAME, `${fs}process.stdout.write(fs.readFileSync('/again/mine', 'utf8'))`),
      'mine\n',
    );
    await assert.rejects(docker('exec', '--user', '0', NAME, 'touch', '/again/x'), /Read-only file system/);
    const inPod = await kubectl('exec', `deployment/${WORKLOAD}`, '--', 'ls', '/data');
    assert.ok(!inPod.includes('mine'), 'the cluster does not see it');
    // Nor may the proxy's pod write to it.
    const clone = `deployment/tp-${WORKLOAD}-${session.session}`;
    await assert.rejects(
      kubectl('exec', clone, '-c', 'web', '--', 'touch', '/data/x'),
      /Read-only|read-only/,
    );
  });

  test('ends the session before anything is switched where the volume holds more', async () => {
    const before = await snapshot();
    const { code, stderr } = await tp('docker-run', ...FLAGS, '--volume-copy', 'data=10', ...COMMAND);
    assert.equal(code, 125, stderr);
    assert.match(stderr, /volume data of the pod: it holds more than 10 bytes \[TP_MOUNT\]/);
    assert.match(stderr, /--volume-copy data=SIZE/);
    assert.doesNotMatch(stderr, /is switched/);
    assert.deepEqual(await snapshot(), before);
  });

  for (const [what, name, says] of [
    [
      'no volume of the pod',
      'nosuch',
      /the pod has no such volume \[TP_VOLUME_COPY\]\n {2}--volume-copy data/,
    ],
    ['one that is brought anyway', 'config', /brought without it \[TP_VOLUME_COPY\]/],
    ['a malformed amount', 'data=much', /NAME or NAME=SIZE.*TP_NO_SUCH_FLAG/],
  ] as const) {
    test(`changes nothing for ${what}`, async () => {
      const before = await snapshot();
      const { code, stderr } = await tp('docker-run', ...FLAGS, '--volume-copy', name, ...COMMAND);
      assert.equal(code, 125, stderr);
      assert.match(stderr, says);
      assert.deepEqual(await snapshot(), before);
    });
  }

  test('has callers answered while 200 MB come, and says how far it is', async () => {
    const file = openSync(join(directory, 'claimed/large'), 'w', 0o644);
    const piece = Buffer.alloc(MIB, 'large');
    for (let at = 0; at < LARGE_BYTES; at += MIB) writeSync(file, piece);
    closeSync(file);
    const answers: string[] = [];
    const over = new AbortController();
    const calling = (async () => {
      while (!over.signal.aborted) {
        answers.push(await callService(`http://${WORKLOAD}/`, 2_000));
        await sleep(100);
      }
    })();
    calling.catch(() => {}); // awaited below
    const began = performance.now();
    await using session = await ready();
    console.log(`with 200 MB ready after ${Math.round(performance.now() - began)} ms`);
    over.abort();
    await calling;
    assert.ok(answers.length > 2 && answers.every((each) => each === 'original' || each === 'laptop'));
    const size = await docker('exec', NAME, 'stat', '-c', '%s', '/data/large');
    assert.equal(Number(size), LARGE_BYTES);
    assert.match(session.stderr, /files/);
  });
});
