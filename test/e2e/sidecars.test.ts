/** Containers of the pod beside the app's: 127.0.0.1 is theirs and the laptop's process's, in both directions. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apply, kubectl, kubectlArguments, kubectlJson, withInput } from './harness/cluster.ts';
import { docker, inContainer, jsonFrom } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { agentPid } from './harness/processes.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const WORKLOAD = 'tp-e2e-sidecars';
const NAME = 'tp-e2e-sidecars-container';
const IMAGE = 'examplecom/servicename:1.0';
const SESSION = ['--workload', `deployment/${WORKLOAD}`, '--name', NAME];

/** The app's own port; the sidecars': those that they declare, and those that they do not. */
const APP = 8080;
const NATIVE = 7001;
const DECLARED = 7002;
const DECLARED_UDP = 7003;
const HIDDEN = 7004;
const HIDDEN_UDP = 7005;
const SILENT = 7006;
const LEFT_OUT = 7007;
const BY_NAME = 7008;
/** The process's, which the app's container does not declare. */
const CALLED_BACK = 9000;
const NOBODY = 9001;
const CALLED_BACK_UDP = 9002;

/** Says its name, and what it heard, when the caller has said all; of datagrams with the port that each came from. */
const listening = (name: string, tcp: number[], udp: number[] = []) => `
  process.on('SIGTERM', () => process.exit()); // as the first process, or it would be waited for
  const server = () => require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    let heard = '';
    socket.on('error', () => {}).on('data', (chunk) => { heard += chunk; });
    socket.on('end', () => socket.end('${name} heard ' + heard.length + ' from ' + socket.remoteAddress));
  });
  for (const port of ${JSON.stringify(tcp)}) server().listen(port, '127.0.0.1');
  for (const port of ${JSON.stringify(udp)}) {
    const socket = require('node:dgram').createSocket('udp4');
    socket.on('message', (text, { port: from, address }) => socket.send(text + ' at ' + from, from, address));
    socket.bind(port, '127.0.0.1');
  }`;

const container = (name: string, program: string, more = '') =>
  `{name: ${name}, image: "node:24-slim", imagePullPolicy: IfNotPresent, command: [node, -e, ${JSON.stringify(program)}]${more}}`;

const ports = (tcp: number[], udp: number[] = []) =>
  `, ports: [${[
    ...tcp.map((port) => `{containerPort: ${port}}`),
    ...udp.map((port) => `{containerPort: ${port}, protocol: UDP}`),
  ]}]`;

const deployment = `
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
      volumes: [{name: work, emptyDir: {}}]
      initContainers:
        - ${container('native', listening('native', [NATIVE]), `${ports([NATIVE])}, restartPolicy: Always`)}
        - name: migrate
          image: ${IMAGE}
          imagePullPolicy: IfNotPresent
          command: [sh, -c, "sleep 2; echo migrated > /work/state"]
          volumeMounts: [{name: work, mountPath: /work}]
      containers:
        - ${container(
          'side',
          `${listening('side', [DECLARED, HIDDEN], [DECLARED_UDP, HIDDEN_UDP])} server().listen(${BY_NAME}, 'localhost');`,
          ports([DECLARED, SILENT, BY_NAME], [DECLARED_UDP]),
        )}
        - ${container('left', listening('left', [LEFT_OUT]), ports([LEFT_OUT]))}
        - name: web
          image: ${IMAGE}
          imagePullPolicy: IfNotPresent
          ports: [{containerPort: ${APP}}]
          volumeMounts: [{name: work, mountPath: /var/work}]
        - ${container('other', `${listening('other', [])} setInterval(() => {}, 1e6);`, ', env: [{name: WHICH, value: other}]')}
`;

/** Calls each of the ports, and says what is answered or how it ends. */
const CALL = `
  import { connect } from 'node:net';
  const [host, size, ...ports] = process.argv.slice(2);
  const call = (port) => new Promise((resolve) => {
    let text = '';
    const socket = connect({ host, port: Number(port), allowHalfOpen: true });
    socket.on('data', (chunk) => { text += chunk; }).on('end', () => resolve(text)).on('error', ({ code }) => resolve(code));
    socket.end('x'.repeat(Number(size)));
  });
  console.log(JSON.stringify(await Promise.all(ports.map(call))));`;

const call = (host: string, size: number, ...to: number[]) =>
  jsonFrom<string[]>(NAME, CALL, host, `${size}`, ...to.map(String));

/** Two sockets send to each of the ports; gives what each heard, in order. */
const SEND = `
  import { createSocket } from 'node:dgram';
  const ports = process.argv.slice(2).map(Number);
  const talk = (name) => new Promise((resolve) => {
    const heard = [];
    const socket = createSocket('udp4').on('message', (text) => {
      heard.push(String(text));
      if (heard.length < ports.length) return;
      socket.close();
      resolve(heard.sort());
    });
    for (const port of ports) socket.send(name, port, '127.0.0.1');
  });
  console.log(JSON.stringify(await Promise.all([talk('one'), talk('two')])));`;

/** The same from the sidecar of a session's pod. */
async function callFromSidecar({ session }: Tp, size: number, ...to: number[]): Promise<string[]> {
  const [program, prefix] = kubectlArguments;
  const exec = ['exec', '-i', await podOf(session), '-c', 'side', '--', 'node', '--input-type=module', '-'];
  const args = ['127.0.0.1', `${size}`, ...to.map(String)];
  return JSON.parse(await withInput(program, [...prefix, ...exec, ...args], CALL)) as string[];
}

const podOf = (session: string) =>
  kubectl('get', 'pods', '-l', `tp/session=${session}`, '-o', 'jsonpath={.items[0].metadata.name}');

/** The user's process: says what init containers left, and listens on its own loopback as the sidecars do on theirs. */
const processOn = (ports: number[]) => `
  let state = 'nothing';
  try { state = require('node:fs').readFileSync('/var/work/state', 'utf8').trim(); } catch {}
  console.log('state: ' + state + ', which: ' + process.env.WHICH);
  ${listening('process', ports, [CALLED_BACK_UDP])}`;

/** Two sockets of the sidecar send to each of the ports; gives what each heard. */
async function sendFromSidecar({ session }: Tp, ...to: number[]): Promise<string[][]> {
  const [program, prefix] = kubectlArguments;
  const exec = ['exec', '-i', await podOf(session), '-c', 'side', '--', 'node', '--input-type=module', '-'];
  return JSON.parse(await withInput(program, [...prefix, ...exec, ...to.map(String)], SEND)) as string[][];
}

async function begin(flags: string[] = [], ports = [APP, CALLED_BACK]): Promise<Tp> {
  const session = await Tp.session([...SESSION, ...flags, IMAGE, 'node', '-e', processOn(ports)]);
  await session.says(/state: /);
  return session;
}

const MUCH = 3_000_000;

describe('the containers beside the app’s', () => {
  let empty: Awaited<ReturnType<typeof snapshot>>;
  before(async () => {
    empty = await snapshot();
    await apply(deployment);
    await kubectl('rollout', 'status', `deployment/${WORKLOAD}`, '--timeout=120s');
  });
  after(async () => {
    await kubectl('delete', 'deployment', WORKLOAD, '--timeout=60s');
    await kubectl('wait', '--for=delete', 'pod', '-l', `app=${WORKLOAD}`, '--timeout=60s');
    assert.deepEqual(await snapshot(), empty, 'nothing is left behind');
  });

  describe('in a session', () => {
    let session: Tp;
    before(async () => {
      session = await begin([
        ...['--without-container', 'left'],
        ...['--to-pod', `${HIDDEN}`, '--to-pod', `${HIDDEN_UDP}/udp`],
        ...['--from-pod', `${CALLED_BACK}`, '--from-pod', `${NOBODY}`],
        ...['--from-pod', `${CALLED_BACK_UDP}/udp`],
      ]);
    });
    after(() => session.end());

    test('are reached at 127.0.0.1, as they declare and as flags say', async () => {
      assert.deepEqual(await call('127.0.0.1', MUCH, NATIVE, DECLARED, HIDDEN), [
        `native heard ${MUCH} from 127.0.0.1`,
        `side heard ${MUCH} from 127.0.0.1`,
        `side heard ${MUCH} from 127.0.0.1`,
      ]);
      assert.deepEqual(await call('localhost', 1, NATIVE), ['native heard 1 from 127.0.0.1']);
      // In most pods that name is ::1 first, which the namespace here has not.
      assert.match((await call('127.0.0.1', 1, BY_NAME)).join(), /^side heard 1 from (::1|127\.0\.0\.1)$/);
    });

    test('are reached by datagrams, each socket by itself', async () => {
      const heard = await jsonFrom<string[][]>(NAME, SEND, `${DECLARED_UDP}`, `${HIDDEN_UDP}`);
      const [[one, oneMore] = [], [two, twoMore] = []] = heard;
      assert.match(one ?? '', /^one at \d+$/);
      assert.match(two ?? '', /^two at \d+$/);
      assert.deepEqual([oneMore, twoMore], [one, two], 'a socket has one in the pod, whoever it sends to');
      assert.notEqual(one?.replace('one', ''), two?.replace('two', ''));
    });

    test('refuse where they do not listen, and where there are none', async () => {
      assert.deepEqual(await call('127.0.0.1', 1, SILENT, LEFT_OUT), ['ECONNRESET', 'ECONNREFUSED']);
    });

    test('keep their ports for themselves, as in a pod', async () => {
      const listen = (host: string) => `
        import { createServer } from 'node:net';
        const server = createServer().on('error', ({ code }) => console.log(code));
        server.listen(${DECLARED}, '${host}', () => { console.log('listens'); server.close(); });`;
      assert.equal(await inContainer(NAME, listen('0.0.0.0')), 'EADDRINUSE\n');
      assert.equal(await inContainer(NAME, listen('127.0.0.2')), 'listens\n');
    });

    test('reach the process at 127.0.0.1: on its own ports, and those that a flag names', async () => {
      assert.deepEqual(await callFromSidecar(session, MUCH, APP, CALLED_BACK, NOBODY, NOBODY + 1), [
        `process heard ${MUCH} from 127.0.0.1`,
        `process heard ${MUCH} from 127.0.0.1`,
        'ECONNRESET',
        'ECONNREFUSED',
      ]);
      // It listens at 127.0.0.1 only, which is enough for those who call there.
      assert.doesNotMatch(session.stderr, /nobody would reach it/);
    });

    test('reach it by datagrams, each socket by itself', async () => {
      const [[one] = [], [two] = []] = await sendFromSidecar(session, CALLED_BACK_UDP);
      assert.match(one ?? '', /^one at \d+$/);
      assert.match(two ?? '', /^two at \d+$/);
      assert.notEqual(one?.replace('one', ''), two?.replace('two', ''));
    });

    test('are said by tp status, and are not taken for the process', async () => {
      const { stdout } = await tp('status', '-o', 'json');
      const [{ loopback, features: _features, ...status }] = JSON.parse(stdout);
      assert.equal(status.session, session.session);
      assert.deepEqual(loopback, {
        toPod: [
          { port: NATIVE, protocol: 'tcp' },
          { port: DECLARED, protocol: 'tcp' },
          { port: SILENT, protocol: 'tcp' },
          { port: BY_NAME, protocol: 'tcp' },
          { port: DECLARED_UDP, protocol: 'udp' },
          { port: HIDDEN, protocol: 'tcp' },
          { port: HIDDEN_UDP, protocol: 'udp' },
        ],
        fromPod: [
          { port: CALLED_BACK, protocol: 'tcp' },
          { port: NOBODY, protocol: 'tcp' },
          { port: CALLED_BACK_UDP, protocol: 'udp' },
        ],
      });
      assert.doesNotMatch(session.stderr, /listening on|add --port/);
    });

    test('are reached again when the agent has died', async () => {
      process.kill(await agentPid(session.session), 'SIGKILL');
      await session.says(/is started again/);
      const again = () => call('127.0.0.1', 1, NATIVE).catch(String);
      await eventually(again, (texts) => `${texts}` === 'native heard 1 from 127.0.0.1', 20_000);
      const heard = await jsonFrom<string[][]>(NAME, SEND, `${DECLARED_UDP}`);
      assert.match(heard.join(), /^one at \d+,two at \d+$/);
    });
  });

  test('that init containers are have finished before the process starts', async () => {
    await using session = await begin();
    assert.match(session.stdout, /state: migrated, which: undefined/);
    const pod = await kubectlJson<{
      status: { initContainerStatuses: { name: string; state: { terminated?: { finishedAt: string } } }[] };
    }>('get', 'pod', await podOf(session.session));
    const migrate = pod.status.initContainerStatuses.find(({ name }) => name === 'migrate');
    const finished = Date.parse(migrate?.state.terminated?.finishedAt ?? '');
    const started = Date.parse((await docker('inspect', '-f', '{{.State.StartedAt}}', NAME)).trim());
    assert.ok(finished <= started, `${finished} <= ${started}`);
  });

  test('that init containers are do not run with --skip-init, but for sidecars by another name', async () => {
    await using session = await begin(['--skip-init']);
    assert.match(session.stdout, /state: nothing, which: undefined/);
    assert.deepEqual(await call('127.0.0.1', 1, NATIVE), ['native heard 1 from 127.0.0.1']);
  });

  test('are another’s with --container: the app’s own is one of them then', async () => {
    await using session = await begin(
      ['--container', 'other', '--from-pod', `${CALLED_BACK}`],
      [CALLED_BACK],
    );
    assert.match(session.stdout, /which: other/);
    const who = `console.log(await (await fetch('http://127.0.0.1:${APP}/who')).text());`;
    const { hostname } = await jsonFrom<{ hostname: string }>(NAME, who);
    assert.equal(hostname, await podOf(session.session));
    assert.deepEqual(await callFromSidecar(session, 1, CALLED_BACK), ['process heard 1 from 127.0.0.1']);
  });

  test('are in the plan, and not to be had twice', async () => {
    const line = ['docker-run', '--dry-run', ...SESSION, '--from-pod', `${CALLED_BACK}`];
    const plan = await tp(...line, IMAGE);
    assert.equal(plan.code, 0, plan.stderr);
    assert.match(plan.stdout + plan.stderr, /127\.0\.0\.1:7003\/udp leads to the pod's sidecars/);
    assert.match(plan.stdout + plan.stderr, /127\.0\.0\.1:9000 of the pod leads to the process/);
    const refused = await tp(...line, '--from-pod', `${DECLARED}`, IMAGE);
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /--from-pod 7002: in the pod it is the port of side \[TP_BAD_PORT\]/);
  });
});
