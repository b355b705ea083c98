/** IPv6, in a cluster whose pods have an address of each family: names and traffic both ways, as in a pod. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apply, inCluster, kubectl, kubectlJson } from './harness/cluster.ts';
import { inContainer, jsonFrom } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const NAME = 'tp-e2e-ipv6';

/** Answers over TCP and UDP with who asked. */
const ECHO = `
  const { createSocket } = require('node:dgram');
  require('node:net').createServer((socket) => socket.on('error', () => {}).end(socket.remoteAddress)).listen(80, '::');
  const udp = createSocket({ type: 'udp6', ipv6Only: true });
  udp.on('message', (message, { address, port }) => udp.send(address + ' ' + message, port, address)).bind(7, '::');
  process.once('SIGTERM', () => process.exit());`;

const MANIFEST = JSON.stringify({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'ipv6-echo' },
      spec: {
        selector: { matchLabels: { app: 'ipv6-echo' } },
        template: {
          metadata: { labels: { app: 'ipv6-echo' } },
          spec: {
            containers: [
              {
                name: 'echo',
                image: 'node:24-slim',
                command: ['node', '-e', ECHO],
                readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'ipv6-echo' },
      spec: {
        selector: { app: 'ipv6-echo' },
        ipFamilies: ['IPv6'],
        ports: [
          { name: 'tcp', port: 80 },
          { name: 'udp', port: 7, protocol: 'UDP' },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'ipv6-nobody' },
      spec: { selector: { app: 'ipv6-nobody' }, ipFamilies: ['IPv6'], ports: [{ port: 80 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'ipv6-servicename' },
      spec: {
        selector: { app: 'servicename' },
        ipFamilies: ['IPv6'],
        ports: [{ port: 80, targetPort: 8080 }],
      },
    },
  ],
});

/** What a program sees of IPv6, in a pod and in the laptop's container. Its argument: an address of the network that is nobody's. */
const LOOK = `
  import { lookup, resolve6 } from 'node:dns/promises';
  import { connect, createServer } from 'node:net';
  import { createSocket } from 'node:dgram';
  import { networkInterfaces } from 'node:os';
  const say = (work) => work.catch((error) => error.code);
  const attempt = (host, port) => new Promise((resolve) => {
    const socket = connect({ host, port, family: 6 });
    const timer = setTimeout(() => (socket.destroy(), resolve('silent')), 2_000);
    socket.once('error', ({ code }) => resolve(code)).once('close', () => clearTimeout(timer));
    socket.once('connect', () => (socket.destroy(), resolve('accepted')));
  });
  const ask = (bytes, connected) => new Promise(async (resolve) => {
    const { address } = await lookup('ipv6-echo');
    const socket = createSocket('udp6');
    const timer = setTimeout(() => (socket.close(), resolve('silent')), 2_000);
    socket.once('message', (message, from) => {
      clearTimeout(timer);
      socket.close();
      resolve([message.length - String(message).indexOf(' ') - 1, from.address === address, from.port]);
    });
    const payload = Buffer.alloc(bytes, 'x');
    if (connected) socket.connect(7, address, () => socket.send(payload));
    else socket.send(payload, 7, address);
  });
  const own = Object.values(networkInterfaces()).flat().map(({ address }) => address).find((each) => each.startsWith('fd'));
  const server = createServer().listen(0, own);
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  const loopback = createServer().listen(0, '::1');
  await new Promise((resolve, reject) => loopback.once('listening', resolve).once('error', reject));
  console.log(JSON.stringify({
    addresses: await say(resolve6('ipv6-echo.default.svc.cluster.local')),
    short: await say(lookup('ipv6-echo', { all: true })),
    none: await say(resolve6('thing1.default.svc.cluster.local')),
    echo: await attempt('ipv6-echo', 80),
    closed: await attempt('ipv6-echo', 81),
    nobody: await attempt('ipv6-nobody', 80),
    unroutable: await attempt('2001:db8::1', 80),
    ownPort: await attempt(own, server.address().port),
    ownClosed: await attempt(own, 9),
    loopback: await attempt('::1', loopback.address().port),
    unconnected: await ask(1, false),
    connected: await ask(8192, true),
  }));
  process.exit();`;

describe('IPv6', () => {
  let previous: unknown;
  let tp: Tp;

  before(async () => {
    previous = await snapshot();
    await apply(MANIFEST);
    await kubectl('rollout', 'status', 'deployment/ipv6-echo', '--timeout=60s');
    const until = /Service ipv6-servicename is switched/;
    tp = await Tp.session(['--name', NAME, '-p', '127.0.0.1:18099:8080', 'examplecom/servicename'], until);
  });
  after(async () => {
    await tp.end();
    await kubectl('delete', 'deployment/ipv6-echo', 'service/ipv6-echo', 'service/ipv6-nobody', '--wait');
    await kubectl('delete', 'service/ipv6-servicename');
    const selected = ['get', 'pods', '-l', 'app=ipv6-echo', '-o', 'name'];
    await eventually(
      () => kubectl(...selected),
      (left) => left === '',
      40_000,
    );
    assert.deepEqual(await snapshot(), previous, 'nothing is left behind');
  });

  /** The proxy pod's address of this family. */
  async function podAddress(): Promise<string> {
    const { items } = await kubectlJson<{ items: { status: { podIPs: { ip: string }[] } }[] }>(
      'get', 'pods', '-l', `tp/session=${tp.session}`); // biome-ignore format: one command
    return items[0]?.status.podIPs.find(({ ip }) => ip.includes(':'))?.ip ?? '';
  }

  test('names, connections and datagrams are as in a pod', async () => {
    const [pod, laptop] = [await inCluster(LOOK), await inContainer(NAME, LOOK)];
    assert.deepEqual(JSON.parse(laptop), JSON.parse(pod));
    const { echo, connected, closed } = JSON.parse(pod) as Record<string, unknown>;
    assert.equal(echo, 'accepted');
    assert.notEqual(closed, 'accepted');
    assert.deepEqual(connected, [8192, true, 7]);
  });

  test('the called service sees the proxy’s pod', async () => {
    const script = `
      import { connect } from 'node:net';
      connect({ host: 'ipv6-echo', port: 80 }).on('data', (text) => console.log(JSON.stringify(String(text))));`;
    assert.equal(await jsonFrom(NAME, script), await podAddress());
  });

  test('the process is called at its own address, and sees its caller’s', async () => {
    const { spec } = await kubectlJson<{ spec: { clusterIP: string } }>('get', 'service/ipv6-servicename');
    const ask = `
      import { networkInterfaces } from 'node:os';
      const own = Object.values(networkInterfaces()).flat().map(({ address }) => address);
      const answer = await (await fetch('http://[${spec.clusterIP}]/peer')).json();
      const { hostname } = await (await fetch('http://[${spec.clusterIP}]/who')).json();
      console.log(JSON.stringify({ hostname, called: answer.local.address, isCaller: own.includes(answer.remote.address) }));`;
    const seen = await eventually(
      async () => JSON.parse(await inCluster(ask)) as { hostname: string },
      ({ hostname }) => hostname.startsWith('tp-'),
    );
    const own = "import { hostname } from 'node:os'; console.log(hostname());";
    const hostname = (await inContainer(NAME, own)).trim();
    assert.deepEqual(seen, { hostname, called: await podAddress(), isCaller: true });
  });

  test('no route leads past the tunnel, and published ports answer', async () => {
    const routes = (await inContainer(`tp-${tp.session}`, ROUTES)).trim().split('\n');
    assert.ok(
      routes.some((route) => /^default dev tun0 /.test(route)),
      routes.join('\n'),
    );
    const others = routes.filter((route) => !/ (tun0|lo) |^fe80::\/64 |^unreachable /.test(route));
    assert.deepEqual(others, []);
    const answer = await fetch('http://127.0.0.1:18099/who');
    assert.equal(answer.status, 200);
  });
});

/** Run in the network container, which has ip(8). */
const ROUTES = `
  import { execFileSync } from 'node:child_process';
  console.log(String(execFileSync('ip', ['-6', 'route'])));`;
