/** What a process sees in a pod of the workload, beside what it sees in the laptop's container, key by key. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { apply, inCluster, kubectl, kubectlArguments, withInput } from './harness/cluster.ts';
import { inContainer, jsonFrom } from './harness/container.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';
import type { ParityRow } from './parity/report.ts';

const NAME = 'tp-e2e-parity';
const RESULTS = new URL('parity/results.json', import.meta.url);
const PROBE = readFileSync(new URL('parity/probe.mjs', import.meta.url), 'utf8');

/** An address of the documentation's (RFC 5737): no route of the cluster has it. */
const NOBODY = '192.0.2.77';

/** The workload's process: says who is calling. */
const SERVER = `
  process.on('SIGTERM', () => process.exit(0));
  require('node:http').createServer((request, response) => response.end(request.socket.remoteAddress)).listen(9090);`;

/** A server in the cluster that does as its port says: 7001 resets, 7002 closes its half first and goes on listening. */
const PEER = `
  import { createServer } from 'node:net';
  createServer((socket) => socket.once('data', () => socket.resetAndDestroy())).listen(7001);
  createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.end('over');
    let heard = '';
    socket.on('data', (chunk) => { heard += chunk; });
    socket.on('end', () => { console.log(heard); process.exit(0); });
  }).listen(7002, () => console.log('listening'));
  setTimeout(() => process.exit(3), 60_000);`;

/** More addresses than fit 512 bytes, so that the answer comes by EDNS or TCP. */
const WIDE = Array.from({ length: 60 }, (_, at) => `10.99.0.${at + 1}`);

const MANIFEST = `
apiVersion: v1
kind: Service
metadata: { name: parity-nobody }
spec:
  selector: { app: parity-nobody }
  ports: [{ name: tcp, port: 80 }, { name: udp, port: 53, protocol: UDP }]
---
apiVersion: v1
kind: Service
metadata: { name: parity-external }
spec: { type: ExternalName, externalName: thing1.default.svc.cluster.local }
---
apiVersion: v1
kind: Service
metadata: { name: parity-headless }
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  ports: [{ name: peer, port: 8080 }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: parity-headless-1, labels: { kubernetes.io/service-name: parity-headless } }
addressType: IPv4
ports: [{ name: peer, port: 8080, protocol: TCP }]
endpoints:
  - { addresses: [10.99.1.1], hostname: parity-0 }
  - { addresses: [10.99.1.2], hostname: parity-1 }
---
apiVersion: v1
kind: Service
metadata: { name: parity-wide }
spec: { clusterIP: None, ports: [{ name: peer, port: 8080 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: parity-wide-1, labels: { kubernetes.io/service-name: parity-wide } }
addressType: IPv4
ports: [{ name: peer, port: 8080, protocol: TCP }]
endpoints: [${WIDE.map((address) => `{ addresses: [${address}] }`).join(', ')}]
`;

/** What one pod has and another has not, whoever made them: its name and its address. */
const ONE_PODS_OWN = new Set(['hostname', 'env HOSTNAME', 'env POD_NAME', 'env POD_IP']);

/** What Docker gives a container and a kubelet does not; docs/parity.md says what comes of it. */
const NOT_EQUAL = new Set(['/proc/self/status Seccomp']);

/** The workload itself: made after the Services, so that its environment names them. */
const WORKLOAD = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: parity }
spec:
  selector: { matchLabels: { app: parity } }
  template:
    metadata: { labels: { app: parity }, annotations: { note: probed } }
    spec:
      terminationGracePeriodSeconds: 2
      hostAliases: [{ ip: 10.99.2.1, hostnames: [parity-host-alias, parity-other-alias] }]
      dnsConfig: { options: [{ name: timeout, value: "2" }] }
      containers:
        - name: app
          image: examplecom/servicename:1.0
          imagePullPolicy: IfNotPresent
          command: [node, -e, ${JSON.stringify(SERVER)}]
          ports: [{ containerPort: 9090 }]
          env:
            - { name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
            - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
            - { name: NOTE, valueFrom: { fieldRef: { fieldPath: "metadata.annotations['note']" } } }
            - { name: LINES, value: "one\\ntwo" }
---
apiVersion: v1
kind: Service
metadata: { name: parity }
spec: { selector: { app: parity }, ports: [{ port: 80, targetPort: 9090 }] }
`;

type Seen = Record<string, unknown>;

describe('a process in the laptop’s container', () => {
  let session: Tp;
  let argument: string;
  let pod: Seen;
  let laptop: Seen;

  before(async () => {
    await apply(MANIFEST);
    await apply(WORKLOAD);
    await kubectl('rollout', 'status', 'deploy/parity', '--timeout=60s');
    const podOfThing1 = await kubectl(
      'get',
      'pods',
      '-l',
      'app=thing1',
      '-o',
      'jsonpath={.items[0].status.podIP}',
    );
    argument = JSON.stringify({ podOfThing1, nobody: NOBODY });
    const [program, prefix] = kubectlArguments;
    const exec = ['exec', '-i', 'deploy/parity', '--', 'node', '--input-type=module', '-', argument];
    pod = JSON.parse(await withInput(program, [...prefix, ...exec], PROBE)) as Seen;
    session = await Tp.session(
      ['--name', NAME, '--workload', 'deployment/parity', 'examplecom/servicename:1.0', 'node', '-e', SERVER],
      /Service parity is switched/,
    );
    laptop = JSON.parse(await inContainer(NAME, PROBE, argument)) as Seen;
  });
  after(async () => {
    await session?.end();
    await kubectl('delete', 'deployment', 'parity');
    await kubectl(
      'delete',
      'services',
      'parity',
      'parity-nobody',
      'parity-external',
      'parity-headless',
      'parity-wide',
    );
    await kubectl('delete', 'endpointslices', 'parity-headless-1', 'parity-wide-1', '--ignore-not-found');
  });

  // For the table in docs/parity.md: TP_PARITY_RESULTS=1 node --test test/e2e/parity.test.ts && npm run docs
  test('is compared with a plain docker run, too', async () => {
    const run = [
      'run',
      '--rm',
      '-i',
      'examplecom/servicename:1.0',
      'node',
      '--input-type=module',
      '-',
      argument,
    ];
    const docker = JSON.parse(await withInput('docker', run, PROBE)) as Seen;
    const told = (seen: Seen, key: string) => (seen[key] === undefined ? '–' : `${seen[key]}`);
    const rows: ParityRow[] = Object.keys(pod)
      .filter((key) => !ONE_PODS_OWN.has(key))
      .map((key) => ({ key, pod: told(pod, key), tp: told(laptop, key), docker: told(docker, key) }));
    assert.ok(rows.filter(({ pod: seen, docker: other }) => seen !== other).length > 20, 'they differ');
    if (process.env.TP_PARITY_RESULTS) writeFileSync(RESULTS, `${JSON.stringify(rows, null, 2)}\n`);
  });

  test('sees what the pod sees', () => {
    const keys = new Set([...Object.keys(pod), ...Object.keys(laptop)]);
    assert.ok(keys.size > 50, `the probe saw something: ${keys.size} keys`);
    const different = [...keys].filter((key) => {
      if (ONE_PODS_OWN.has(key) || NOT_EQUAL.has(key)) return false;
      return JSON.stringify(pod[key]) !== JSON.stringify(laptop[key]);
    });
    const rows = different.map((key) => ({ key, pod: pod[key], laptop: laptop[key] }));
    assert.deepEqual(rows, []);
  });

  test('what cannot be equal is not: the list holds nothing that is', () => {
    for (const key of NOT_EQUAL) assert.notDeepEqual(laptop[key], pod[key], key);
  });

  test('gets the answers that it should, wherever it is', () => {
    assert.deepEqual(
      {
        closed: pod['connect to a closed port of a pod'],
        nobody: pod['connect to a Service without pods'],
        udp: pod['UDP to a closed port of a pod'],
        echo: pod['UDP to a UDP Service'],
        wide: JSON.parse(pod['dns A parity-wide.default.svc.cluster.local'] as string).length,
      },
      {
        closed: 'ECONNREFUSED',
        nobody: 'ECONNREFUSED',
        udp: 'ECONNREFUSED',
        echo: 'anybody there?',
        wide: WIDE.length,
      },
      'the probe sees nothing otherwise',
    );
  });

  test('is without what is unset, and has what is set, in the pod’s place', async () => {
    const { stdout, stderr } = await tp(
      'docker-run', '--no-inbound', '--workload', 'deployment/parity', '--unset', 'NOTE', '--unset', 'NOSUCH', '-e', 'LINES=mine',
      'examplecom/servicename:1.0', 'node', '-e', 'console.log(JSON.stringify([process.env.NOTE, process.env.LINES, process.env.POD_NAME]))',
    ); // biome-ignore format: a command line
    const [note, lines, name] = JSON.parse(stdout) as (string | null)[];
    assert.deepEqual([note, lines], [null, 'mine']);
    assert.match(name ?? '', /^tp-parity-/);
    assert.match(stderr, /--unset NOSUCH: the pod has no such variable/);
  });

  test('has the variables that tp env prints, of its session and of the workload', async () => {
    const before = await snapshot();
    const own = (seen: Record<string, string>) =>
      Object.fromEntries(Object.entries(seen).filter(([name]) => !ONE_PODS_OWN.has(`env ${name}`)));
    const ofSession = await tp('env', '--format', 'json');
    assert.equal(ofSession.code, 0, ofSession.stderr);
    const seen = JSON.parse(ofSession.stdout) as Record<string, string>;
    for (const [name, value] of Object.entries(seen)) assert.equal(laptop[`env ${name}`], value, name);
    assert.equal(seen.LINES, 'one\ntwo');
    const ofWorkload = await tp('env', 'deployment/parity', '--format', 'json', '--unset', 'NOTE');
    assert.equal(ofWorkload.code, 0, ofWorkload.stderr);
    const { NOTE, ...rest } = own(seen);
    assert.equal(NOTE, 'probed');
    assert.deepEqual(own(JSON.parse(ofWorkload.stdout) as Record<string, string>), rest);
    assert.deepEqual(await snapshot(), before, 'the pod for a moment is gone');
    const shown = [ofSession.stderr, ofWorkload.stderr].join('');
    assert.ok(!shown.includes('probed'), 'values go to stdout only');
    const docker = await tp('env', '--format', 'docker');
    assert.deepEqual([docker.code, docker.stdout], [125, '']);
    assert.match(docker.stderr, /LINES: .*\[TP_ENV_FORMAT\]/);
    const none = await tp('env', 'nosuch');
    assert.match(none.stderr, /there is no session nosuch .*\[TP_NO_SESSION\]/);
  });

  test('is called by who is calling: the socket shows the caller’s own address', async () => {
    const script = `
      const { networkInterfaces } = await import('node:os');
      const seen = await (await fetch('http://parity/')).text();
      console.log(JSON.stringify({ seen, own: networkInterfaces().eth0[0].address }));`;
    const { seen, own } = JSON.parse(await inCluster(script)) as { seen: string; own: string };
    assert.equal(seen.replace(/^::ffff:/, ''), own);
  });

  test('is reset by a peer that resets, and heard by one that has closed its half', async () => {
    const peer = inCluster(PEER);
    const host = await kubectl(
      'get',
      'pods',
      '-l',
      'app=frontend',
      '-o',
      'jsonpath={.items[0].status.podIP}',
    );
    const script = `
      import { once } from 'node:events';
      import { connect } from 'node:net';
      const seen = {};
      const until = async (port) => {
        for (;;) {
          const socket = connect({ host: process.argv[2], port, allowHalfOpen: true });
          const [error] = await Promise.race([once(socket, 'connect'), once(socket, 'error')]);
          if (!error) return socket;
        }
      };
      const one = await until(7001);
      one.write('x');
      const [error] = await once(one, 'error');
      seen.reset = error.code;
      const two = await until(7002);
      let heard = '';
      two.on('data', (chunk) => { heard += chunk; });
      await once(two, 'end');
      seen.halfClosed = heard;
      two.end('still heard');
      console.log(JSON.stringify(seen));`;
    assert.deepEqual(await jsonFrom(NAME, script, host), { reset: 'ECONNRESET', halfClosed: 'over' });
    assert.match(await peer, /still heard/);
  });
});
