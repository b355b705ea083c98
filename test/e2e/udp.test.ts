/** A UDP server in the container, behind a Service that has a TCP port of the same number, too. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apply, inCluster, kubectl } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { tp as run, Tp } from './harness/tp.ts';

const NAME = 'tp-e2e-udp';
const PORT = 7777;

/** Answers each datagram with who it is, who asked, how much that was, and a hash of it; TCP with who it is. */
const server = (who: string) => `
  const { createHash } = require('node:crypto');
  const udp = require('node:dgram').createSocket('udp4');
  udp.on('message', (message, { address, port }) => {
    const hash = createHash('sha256').update(message).digest('hex');
    const answer = JSON.stringify({ who: '${who}', address, port, bytes: message.length, hash });
    udp.send(answer.padEnd(message.length), port, address);
  });
  udp.bind(${PORT});
  require('node:net').createServer((socket) => socket.on('error', () => {}).end('${who}')).listen(${PORT});
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));`;

const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${NAME}}
spec:
  selector: {matchLabels: {app: ${NAME}}}
  template:
    metadata: {labels: {app: ${NAME}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: udp
          image: examplecom/thing:1.0
          imagePullPolicy: IfNotPresent
          command: [node, -e, ${JSON.stringify(server('original'))}]
          ports: [{name: dgram, containerPort: ${PORT}, protocol: UDP}, {name: stream, containerPort: ${PORT}}]
---
apiVersion: v1
kind: Service
metadata: {name: ${NAME}}
spec:
  selector: {app: ${NAME}}
  ports:
    - {name: dgram, port: ${PORT}, targetPort: dgram, protocol: UDP}
    - {name: stream, port: ${PORT}, targetPort: stream}`;

interface Answer {
  who: string;
  address: string;
  port: number;
  bytes: number;
  /** Whether the hash is that of what was sent. */
  whole: boolean;
  /** Whether the answer's source is the address that was asked. */
  fromAsked: boolean;
  /** The socket that asked. */
  own: number;
}

/** Asks the Service from unconnected sockets of a pod in the cluster, each with a datagram of so many bytes. */
async function ask(...sizes: number[]): Promise<(Answer | undefined)[]> {
  const script = `
    import { createSocket } from 'node:dgram';
    import { createHash } from 'node:crypto';
    import { lookup } from 'node:dns/promises';
    const { address: asked } = await lookup('${NAME}');
    const one = (bytes) => new Promise((resolve) => {
      const socket = createSocket('udp4');
      const message = Buffer.alloc(bytes, 'x');
      const done = (answer) => { clearTimeout(timer); socket.close(); resolve(answer); };
      const timer = setTimeout(done, 1500);
      socket.on('message', (text, from) => {
        const answer = JSON.parse(text);
        const whole = answer.hash === createHash('sha256').update(message).digest('hex');
        done({ ...answer, whole, fromAsked: from.address === asked && from.port === ${PORT}, own: socket.address().port });
      });
      socket.send(message, ${PORT}, asked);
    });
    console.log(JSON.stringify((await Promise.all(process.argv.slice(2).map(Number).map(one))).map((each) => each ?? null)));`;
  const answers = JSON.parse(await inCluster(script, ...sizes.map(String))) as (Answer | null)[];
  return answers.map((answer) => answer ?? undefined);
}

const askTcp = () =>
  inCluster(`
    import { connect } from 'node:net';
    let text = '';
    for await (const chunk of connect(${PORT}, '${NAME}')) text += chunk;
    process.stdout.write(text);`);

const answeredBy = async (who: string) =>
  await eventually(
    () => ask(1),
    ([answer]) => answer?.who === who,
    15_000,
  );

describe('UDP', () => {
  let clean: Awaited<ReturnType<typeof snapshot>>;
  before(async () => {
    clean = await snapshot();
    await apply(MANIFEST);
    await kubectl('rollout', 'status', `deployment/${NAME}`, '--timeout=60s');
  });
  after(async () => {
    await kubectl('delete', 'service,deployment', NAME, '--wait', '--cascade=foreground');
    assert.deepEqual(await snapshot(), clean);
  });

  test('reaches the process behind a Service, with its callers, and the original pods before and after', async () => {
    await answeredBy('original');
    const dry = await run('docker-run', '--workload', `deployment/${NAME}`, '--dry-run', 'node:24-slim');
    assert.match(dry.stdout + dry.stderr, /port 7777\/udp of the pod is answered by port 7777/);
    const tp = await Tp.session(
      ['--workload', `deployment/${NAME}`, 'node:24-slim', 'node', '-e', server('laptop')],
      new RegExp(`Service ${NAME} is switched`),
    );
    try {
      await answeredBy('laptop');
      assert.equal(await eventually(askTcp, (text) => text === 'laptop'), 'laptop');
      const sizes = [1, 1_400, 8_192, 1, 1_400, 8_192];
      const answers = await ask(...sizes);
      const caller = (
        await kubectl('get', 'pods', '-l', 'app=frontend', '-o', 'jsonpath={.items[*].status.podIP}')
      ).split(' ');
      for (const [at, answer] of answers.entries()) {
        assert.ok(answer, `no answer to ${sizes[at]} bytes`);
        const { who, bytes, whole, fromAsked, address, port, own } = answer;
        assert.deepEqual(
          { who, bytes, whole, fromAsked },
          { who: 'laptop', bytes: sizes[at], whole: true, fromAsked: true },
        );
        assert.equal(port, own, 'the process sees the port of its caller');
        assert.ok(caller.includes(address), `${address} is the caller's own address: ${caller}`);
      }
      await tp.says(/first request from frontend-[a-z0-9-]+ answered here/);
    } finally {
      assert.equal(await tp.end(), 0);
    }
    await answeredBy('original');
    assert.equal(await eventually(askTcp, (text) => text === 'original'), 'original');
  });
});
