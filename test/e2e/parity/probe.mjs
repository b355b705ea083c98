/**
 * Looks at what a process can see of its surroundings, and prints it as JSON, a value per key. Runs in a pod of the workload
 * and in the laptop's container from the same image; whatever differs there is a difference that a program could notice.
 * Its argument is JSON: the addresses that only the test knows.
 */
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup, Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const { podOfThing1, podOfQueue, podOfPeer, nobody } = JSON.parse(process.argv[2]);

/** What does not answer within this (ms) is silent. */
const SILENCE_MS = 3_000;

/** What takes longer (ms), and is not silent, is late: in a cluster nobody waits for so long. */
const LATE_MS = 1_000;

const seen = {};
const note = async (key, look) => {
  const start = performance.now();
  const value = await look().catch((error) => `error ${error.code ?? error.message}`);
  const late = value !== 'silent' && performance.now() - start > LATE_MS;
  seen[key] = late ? `${value}, late` : value;
};

const sorted = (value) =>
  JSON.stringify(
    [value]
      .flat()
      .map((each) => JSON.stringify(each))
      .sort(),
  );

/** What `look` gives, or `silent` in time; `open` is closed thereafter. */
async function inTime(open, look) {
  let timer;
  const silence = new Promise((resolve) => {
    timer = setTimeout(resolve, SILENCE_MS, 'silent');
  });
  try {
    return await Promise.race([look(open), silence]);
  } finally {
    clearTimeout(timer);
    (open.destroy ?? open.close).call(open);
  }
}

/** An answer that does not fit 512 bytes, as a client gets it that knows nothing of EDNS, and then asks by TCP. */
async function withoutEdns(server, name) {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  const header = Buffer.from([0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const query = Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
  const told = (answer) => {
    const truncated = (answer[2] & 2) !== 0 ? 'truncated' : 'whole';
    return `${truncated}, ${answer.readUInt16BE(6)} answers, ${answer.length > 512 ? 'over' : 'within'} 512 bytes`;
  };
  await note(`dns by UDP without EDNS: ${name}`, () => {
    const socket = createSocket('udp4');
    return inTime(socket, async () => {
      socket.send(query, 53, server);
      return told((await once(socket, 'message'))[0]);
    });
  });
  await note(`dns by TCP: ${name}`, () => {
    const socket = connect(53, server);
    return inTime(socket, async () => {
      await once(socket, 'connect');
      socket.write(Buffer.concat([Buffer.from([0, query.length]), query]));
      let all = Buffer.alloc(0);
      while (all.length < 2 || all.length < 2 + all.readUInt16BE(0))
        all = Buffer.concat([all, (await once(socket, 'data'))[0]]);
      return told(all.subarray(2));
    });
  });
}

async function names() {
  const resolver = new Resolver();
  const asked = [
    ['A', 'thing1.default.svc.cluster.local'],
    ['A', 'thing1.default.svc.cluster.local.'],
    ['A', 'thing1'],
    ['A', 'nosuch.default.svc.cluster.local'],
    ['AAAA', 'thing1.default.svc.cluster.local'],
    ['AAAA', 'nosuch.default.svc.cluster.local'],
    ['SRV', '_http._tcp.thing1.default.svc.cluster.local'],
    ['SRV', '_nosuch._tcp.thing1.default.svc.cluster.local'],
    ['TXT', 'dns-version.cluster.local'],
    ['TXT', 'thing1.default.svc.cluster.local'],
    ['MX', 'thing1.default.svc.cluster.local'],
    ['NS', 'cluster.local'],
    ['CAA', 'thing1.default.svc.cluster.local'],
    ['A', 'parity-headless.default.svc.cluster.local'],
    ['A', 'parity-0.parity-headless.default.svc.cluster.local'],
    ['SRV', '_peer._tcp.parity-headless.default.svc.cluster.local'],
    ['A', 'queue-nodes.default.svc.cluster.local'],
    ['A', 'queue-0.queue-nodes.default.svc.cluster.local'],
    ['CNAME', 'parity-external.default.svc.cluster.local'],
    ['CNAME', 'thing1.default.svc.cluster.local'],
    ['A', 'parity-external.default.svc.cluster.local'],
    ['A', 'parity-wide.default.svc.cluster.local'],
    ['A', 'orders.db.example.internal'],
    ['A', 'nosuch.example.internal'],
  ];
  for (const [type, name] of asked) {
    await note(`dns ${type} ${name}`, async () => sorted(await resolver.resolve(name, type)));
  }
  await note('dns A of a pod by its address', async () =>
    sorted(await resolver.resolve(`${podOfThing1.replaceAll('.', '-')}.default.pod.cluster.local`, 'A')),
  );
  for (const name of [
    'thing1',
    'thing1.default',
    'thing1.default.svc',
    'thing3.other',
    'thing1.default.svc.cluster.local',
    'thing1.default.svc.cluster.local.',
    'nosuch',
    'nosuch.example.internal',
    'localhost',
    'parity-external',
    'parity-headless',
    'parity-0.parity-headless',
    'queue-0.queue-nodes',
    'parity-wide',
    'parity-host-alias',
    'parity-other-alias',
    'orders.db.example.internal',
  ]) {
    await note(`getaddrinfo ${name}`, async () => sorted(await lookup(name, { all: true })));
  }
  await note('PTR of a Service', async () =>
    sorted(await resolver.reverse((await lookup('thing1')).address)),
  );
  await note('PTR of a pod', async () => sorted(await resolver.reverse(podOfThing1)));
  await note('PTR of a pod of a StatefulSet', async () => sorted(await resolver.reverse(podOfQueue)));
  await note('PTR of an address that is nobody’s', async () => sorted(await resolver.reverse(nobody)));
  await note(
    'getent hosts thing1',
    async () => (await promisify(execFile)('getent', ['hosts', 'thing1'])).stdout,
  );
  await note('own name is own address', async () =>
    (await lookup(hostname(), { all: true })).some(({ address }) => address === process.env.POD_IP),
  );
  await withoutEdns(resolver.getServers()[0], 'parity-wide.default.svc.cluster.local');
  await note('dns A of the own name', async () => sorted(await resolver.resolve(hostname(), 'A')));
  await note('hostname is the pod’s name', async () => hostname() === process.env.POD_NAME);
}

/** What a peer's port does with a connection. */
const peer = (port, look) => {
  const socket = connect({ host: 'parity-peer', port, allowHalfOpen: true });
  return inTime(socket, async () => {
    await once(socket, 'connect');
    return await look(socket);
  });
};

/** All that is heard until the other half is closed; iterating would destroy the socket then. */
const text = async (socket) => {
  let all = '';
  socket.on('data', (chunk) => {
    all += chunk;
  });
  await once(socket, 'end');
  return all;
};

/** How a connection ended, as the peer tells it of the one that it got this token on. */
const fate = (token) =>
  peer(7000, async (socket) => {
    socket.write(token);
    return await text(socket);
  });

const errorOf = async (socket) => (await once(socket, 'error'))[0].code;

async function closing() {
  await note('a peer that speaks first is heard', () =>
    peer(7003, async (socket) => `${(await once(socket, 'data'))[0]}`),
  );
  await note('a peer that resets after a question', () =>
    peer(7001, async (socket) => {
      socket.write('?');
      return await errorOf(socket);
    }),
  );
  await note('a peer that resets at once', async () => {
    const socket = connect(7006, 'parity-peer');
    return await inTime(socket, errorOf);
  });
  await note('a peer that closes its half is heard to its end', () => peer(7002, text));
  await note('a peer that has closed its half hears', async () => {
    const token = randomUUID();
    await peer(7002, async (socket) => {
      await text(socket);
      socket.end(token);
      await once(socket, 'finish');
    });
    return await fate(token);
  });
  await note('a peer answers when our half is closed', () =>
    peer(7004, async (socket) => {
      socket.end('us');
      return await text(socket);
    }),
  );
  await note('a peer that we reset sees', async () => {
    const token = randomUUID();
    const socket = connect(7005, 'parity-peer');
    await once(socket, 'connect');
    socket.write(token);
    await sleep(100); // a reset overtakes what was not read yet, in a pod, too
    socket.resetAndDestroy();
    return await fate(token);
  });
  await note('a peer that we leave sees', async () => {
    const token = randomUUID();
    await peer(7005, async (socket) => {
      socket.end(token);
      await once(socket, 'finish');
    });
    return await fate(token);
  });
  await note('a peer that does not accept', () => peer(7008, async () => 'accepted'));
  await note('a peer sees the pod’s address', () =>
    peer(7007, async (socket) => (await text(socket)).split(' ')[0] === process.env.POD_IP),
  );
  await note('a peer sees the socket’s port', () =>
    peer(7007, async (socket) => Number((await text(socket)).split(' ')[1]) === socket.localPort),
  );
}

/** How a connection goes: `accepted`, an errno, or `silent`. */
const attempt = (host, port) => {
  const socket = connect({ host, port });
  const ended = once(socket, 'connect').then(
    () => 'accepted',
    ({ code }) => code,
  );
  return inTime(socket, () => ended);
};

/** How a connected UDP socket fares that sends to a port. */
const ask = (host, port, question = 'anybody there?') => {
  const socket = createSocket('udp4');
  const answer = once(socket, 'message').then(
    ([message]) => `${message}`,
    ({ code }) => code,
  );
  return inTime(socket, async () => {
    await promisify(socket.connect).call(socket, port, host);
    socket.send(question);
    return await answer;
  });
};

/** From one unconnected UDP socket to several, each after the other's answer: the answers, and whether each is from there. */
const askAll = (peers) => {
  const socket = createSocket('udp4');
  return inTime(socket, async () => {
    const answers = [];
    for (const { host, port, question, from = port } of peers) {
      socket.send(question, port, host);
      const [message, sender] = await once(socket, 'message');
      answers.push({ message, right: sender.address === host && sender.port === from });
    }
    return answers;
  });
};

async function datagrams() {
  for (const [what, host, port] of [
    ['a UDP Service', 'udpecho', 7777],
    ['a closed port of a pod', podOfThing1, 9],
    ['a Service without pods', 'parity-nobody', 53],
  ]) {
    await note(`UDP to ${what}`, async () => ask((await lookup(host)).address, port));
  }
  const peerAddress = async () => (await lookup('parity-peer')).address;
  const told = async (...peers) => {
    const answers = await askAll(peers);
    return answers === 'silent' ? answers : answers.map(({ message, right }) => `${message} ${right}`).join();
  };
  await note('UDP to several peers from one socket, and who answers', async () => {
    const { address: echo } = await lookup('udpecho');
    return await told(
      { host: echo, port: 7777, question: 'one' },
      { host: await peerAddress(), port: 7101, question: '3' },
      { host: podOfPeer, port: 7101, question: '5' },
      { host: echo, port: 7777, question: 'two' },
    );
  });
  await note('UDP answered by another port of the peer', () =>
    told({ host: podOfPeer, port: 7102, from: 7103, question: '?' }),
  );
  // 1472 fill a packet of Ethernet's 1500 bytes; more comes in fragments.
  for (const bytes of [0, 1, 1372, 1472, 1473, 4096, 8192]) {
    const sent = Buffer.alloc(bytes, 'x');
    await note(`UDP of ${bytes} bytes there`, async () => {
      const answer = await ask(await peerAddress(), 7100, sent);
      if (!answer.startsWith('{')) return answer;
      const { bytes: came, whole } = JSON.parse(answer);
      return `${came} bytes, ${whole ? 'whole' : 'changed'}`;
    });
    await note(`UDP of ${bytes} bytes back`, async () => {
      const answer = await ask(await peerAddress(), 7101, `${bytes}`);
      return answer === `${sent}` ? `${bytes} bytes, whole` : answer.slice(0, 20);
    });
  }
  await note('UDP: a peer sees the pod’s address', async () => {
    const answer = await ask(await peerAddress(), 7100, 'x');
    return answer.startsWith('{') ? JSON.parse(answer).address === process.env.POD_IP : answer;
  });
}

async function connections() {
  for (const [what, host, port] of [
    ['a Service', 'thing1', 80],
    ['a closed port of a pod', podOfThing1, 9],
    ['a Service without pods', 'parity-nobody', 80],
    ['a Service on a port that it has not', 'thing1', 81],
    ['an address that is nobody’s', nobody, 80],
    ['everybody', '255.255.255.255', 80],
    ['port 0 of a pod', podOfThing1, 0],
    ['a closed port of its own', '127.0.0.1', 9],
    ['a closed port of its own address', process.env.POD_IP, 9],
  ]) {
    await note(`connect to ${what}`, () => attempt(host, port));
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

/** The service account's files, and those about the pod. */
function files() {
  const account = '/var/run/secrets/kubernetes.io/serviceaccount';
  const read = (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      return `error ${error.code}`;
    }
  };
  const claims = (token) => {
    const [, middle] = token.split('.');
    if (!middle) return token;
    const { aud, iss, sub } = JSON.parse(Buffer.from(middle, 'base64url'));
    return [sub, iss, aud].join(' ');
  };
  seen['service account namespace'] = read(`${account}/namespace`);
  seen['service account CA'] = createHash('sha256')
    .update(read(`${account}/ca.crt`))
    .digest('hex');
  seen['service account token'] = claims(read(`${account}/token`));
  // What one pod has and another has not: the mark of its ReplicaSet, and when its node heard of it.
  const onesOwn = /^(pod-template-hash|kubernetes\.io\/config\.seen)=/;
  for (const name of ['label', 'labels', 'annotations', 'memory', 'cpu']) {
    const lines = read(`/etc/pod/${name}`).split('\n');
    seen[`file /etc/pod/${name}`] = lines.filter((line) => !onesOwn.test(line)).join('\n');
  }
}

itself();
files();
await names();
await connections();
await closing();
await datagrams();
process.stdout.write(JSON.stringify(seen));
