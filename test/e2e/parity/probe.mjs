/**
 * Looks at what a process can see of its surroundings, and prints it as JSON, a value per key. Runs in a pod of the workload
 * and in the laptop's container from the same image; whatever differs there is a difference that a program could notice.
 * Its argument is JSON: the addresses that only the test knows.
 */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup, Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

const { podOfThing1, nobody } = JSON.parse(process.argv[2]);

/** What does not answer within this (ms) is silent. */
const SILENCE_MS = 3_000;

const seen = {};
const note = async (key, look) => {
  try {
    seen[key] = await look();
  } catch (error) {
    seen[key] = `error ${error.code ?? error.message}`;
  }
};

const sorted = (value) =>
  JSON.stringify(
    [value]
      .flat()
      .map((each) => JSON.stringify(each))
      .sort(),
  );

async function names() {
  const resolver = new Resolver();
  const asked = [
    ['A', 'thing1.default.svc.cluster.local'],
    ['A', 'thing1.default.svc.cluster.local.'],
    ['A', 'nosuch.default.svc.cluster.local'],
    ['AAAA', 'thing1.default.svc.cluster.local'],
    ['SRV', '_http._tcp.thing1.default.svc.cluster.local'],
    ['TXT', 'dns-version.cluster.local'],
    ['MX', 'thing1.default.svc.cluster.local'],
    ['A', 'parity-headless.default.svc.cluster.local'],
    ['A', 'parity-0.parity-headless.default.svc.cluster.local'],
    ['SRV', '_peer._tcp.parity-headless.default.svc.cluster.local'],
    ['CNAME', 'parity-external.default.svc.cluster.local'],
    ['A', 'parity-external.default.svc.cluster.local'],
    ['A', 'parity-wide.default.svc.cluster.local'],
  ];
  for (const [type, name] of asked) {
    await note(`dns ${type} ${name}`, async () => sorted(await resolver.resolve(name, type)));
  }
  for (const name of [
    'thing1',
    'thing1.default',
    'thing3.other',
    'thing1.default.svc.cluster.local.',
    'nosuch',
    'localhost',
    'parity-external',
    'parity-0.parity-headless',
    'parity-host-alias',
  ]) {
    await note(`getaddrinfo ${name}`, async () => sorted(await lookup(name, { all: true })));
  }
  await note('PTR of a Service', async () =>
    sorted(await resolver.reverse((await lookup('thing1')).address)),
  );
  await note('PTR of a pod', async () => sorted(await resolver.reverse(podOfThing1)));
  await note(
    'getent hosts thing1',
    async () => (await promisify(execFile)('getent', ['hosts', 'thing1'])).stdout,
  );
  await note(
    'own name is own address',
    async () => (await lookup(hostname())).address === process.env.POD_IP,
  );
}

/** How a connection goes: `accepted`, an errno, or `silent`. */
const attempt = (host, port) =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => done('silent'), SILENCE_MS);
    const done = (how) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(how);
    };
    socket.once('connect', () => done('accepted'));
    socket.once('error', ({ code }) => done(code));
  });

/** How a connected UDP socket fares that sends to a port, twice: an error is told to the later call. */
const ask = (host, port) =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => done('silent'), SILENCE_MS);
    const done = (how) => {
      clearTimeout(timer);
      socket.close();
      resolve(how);
    };
    socket.once('error', ({ code }) => done(code));
    socket.once('message', (message) => done(`${message}`));
    socket.connect(port, host, (error) => (error ? done(error.code) : socket.send('anybody there?')));
  });

async function connections() {
  for (const [what, host, port] of [
    ['a Service', 'thing1', 80],
    ['a closed port of a pod', podOfThing1, 9],
    ['a Service without pods', 'parity-nobody', 80],
    ['a Service on a port that it has not', 'thing1', 81],
    ['an address that is nobody’s', nobody, 80],
    ['a closed port of its own', '127.0.0.1', 9],
    ['a closed port of its own address', process.env.POD_IP, 9],
  ]) {
    await note(`connect to ${what}`, () => attempt(host, port));
  }
  for (const [what, host, port] of [
    ['a UDP Service', 'udpecho', 7777],
    ['a closed port of a pod', podOfThing1, 9],
    ['a Service without pods', 'parity-nobody', 53],
  ]) {
    await note(`UDP to ${what}`, async () => ask((await lookup(host)).address, port));
  }
  await note('binds to its own address', async () => {
    const server = createServer().listen(0, process.env.POD_IP);
    await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
    const { port } = server.address();
    const how = await attempt(process.env.POD_IP, port);
    server.close();
    return how;
  });
  await note('its address towards the cluster is its own', async () => {
    const socket = connect(80, 'thing1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const { localAddress } = socket;
    socket.destroy();
    return localAddress === process.env.POD_IP;
  });
}

function itself() {
  for (const [name, value] of Object.entries(process.env)) seen[`env ${name}`] = value;
  // A kubelet writes the options in any order.
  const ordered = (line) => (line.startsWith('options ') ? line.split(' ').sort().join(' ') : line);
  seen['resolv.conf'] = readFileSync('/etc/resolv.conf', 'utf8').trim().split('\n').map(ordered).join('\n');
  seen.hostname = hostname();
  seen['user and groups'] = [process.getuid(), process.getgid(), ...process.getgroups().sort()].join(' ');
  seen['working directory'] = process.cwd();
  seen.umask = process.umask().toString(8);
  const status = readFileSync('/proc/self/status', 'utf8');
  for (const field of ['CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp']) {
    seen[`/proc/self/status ${field}`] = new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(status)?.[1];
  }
}

itself();
await names();
await connections();
process.stdout.write(JSON.stringify(seen));
