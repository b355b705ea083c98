/** From the cluster to the laptop's container: Services, the pod's own address, half-close, long-lived connections. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { callService, inCluster, kubectl } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { Tp } from './harness/tp.ts';

const NAME = 'tp-e2e-inbound';

/**
 * A server of raw TCP in the container, on the ports that the Services want: it speaks first, and echoes. It resets, closes
 * its half first, and tells how the connection before ended, when it is told to.
 */
const SERVER = `
  const net = require('node:net');
  let fate = 'none';
  for (const port of [8080, 9090]) {
    net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', ({ code }) => { fate = code; });
      socket.write('hello on ' + port + '\\n');
      let bytes = 0;
      const words = {
        reset: () => socket.resetAndDestroy(),
        close: () => socket.end('over'),
        fate: () => socket.write(fate),
      };
      socket.on('data', (chunk) => {
        if (words[chunk]) return words[chunk]();
        bytes += chunk.length;
        if (!socket.writableEnded) socket.write(chunk);
      });
      socket.on('end', () => {
        if (socket.writableEnded) fate = 'heard ' + bytes;
        else socket.end('got ' + bytes + '\\n');
      });
    }).listen(port);
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));`;

/** Scenarios as data: scripts that run in a pod of the cluster and print what they saw. */
const SCENARIOS: { what: string; script: string; expected: string }[] = [
  {
    what: 'a server that speaks first is heard, and a half-close is answered',
    script: `
      const socket = net.connect(80, 'servicename');
      const [first] = await once(socket, 'data');
      socket.end('x'.repeat(1000));
      let rest = '';
      for await (const chunk of socket) rest += chunk;
      console.log(first.toString().trim(), rest.length, rest.slice(-9).trim());`,
    expected: 'hello on 8080 1009 got 1000',
  },
  {
    what: 'a second Service with a numeric target port',
    script: `
      const socket = net.connect(9090, 'servicename-metrics');
      const [first] = await once(socket, 'data');
      socket.destroy();
      console.log(first.toString().trim());`,
    expected: 'hello on 9090',
  },
  {
    what: "the proxy's pod by its own address",
    script: `
      const socket = net.connect(8080, process.argv[2]);
      const [first] = await once(socket, 'data');
      socket.destroy();
      console.log(first.toString().trim());`,
    expected: 'hello on 8080',
  },
  {
    what: 'a connection that idles goes on',
    script: `
      const socket = net.connect(80, 'servicename');
      await once(socket, 'data');
      for (let i = 0; i < 3; i++) {
        await setTimeout(3000);
        socket.write('still there?');
        const [echo] = await once(socket, 'data');
        if (echo.toString() !== 'still there?') throw new Error(echo);
      }
      socket.destroy();
      console.log('alive');`,
    expected: 'alive',
  },
  {
    what: 'a reset is one for the caller',
    script: `
      const socket = net.connect(80, 'servicename');
      await once(socket, 'data');
      socket.write('reset');
      const [error] = await once(socket, 'error');
      console.log(error.code);`,
    expected: 'ECONNRESET',
  },
  {
    what: 'a reset of the caller’s is one for the process',
    script: `
      const socket = net.connect(80, 'servicename');
      await once(socket, 'data');
      socket.write('x');
      await once(socket, 'data');
      socket.resetAndDestroy();
      console.log(await fate('ECONNRESET'));`,
    expected: 'ECONNRESET',
  },
  {
    what: 'a half that the process closes is closed for the caller, who is still heard',
    script: `
      const socket = net.connect({ port: 80, host: 'servicename', allowHalfOpen: true });
      let all = '';
      socket.on('data', (chunk) => { all += chunk; if (all.endsWith('\\n')) socket.write('close'); });
      await once(socket, 'end');
      socket.end('0123456789');
      console.log(all.split('\\n')[1], await fate('heard 10'));`,
    expected: 'over heard 10',
  },
  {
    what: 'a port where nobody listens is refused at once',
    script: `
      const start = performance.now();
      const [error] = await once(net.connect(9, process.argv[2]), 'error').catch((error) => [error]);
      console.log(error.code, performance.now() - start < 1000);`,
    expected: 'ECONNREFUSED true',
  },
  {
    what: 'many connections at once each get their own bytes',
    script: `
      const one = async (index) => {
        const socket = net.connect(80, 'servicename');
        await once(socket, 'data');
        const text = String(index).repeat(200);
        socket.end(text);
        let all = '';
        for await (const chunk of socket) all += chunk;
        return all === text + 'got ' + text.length + '\\n';
      };
      const results = await Promise.all(Array.from({ length: 200 }, (_, index) => one(index)));
      console.log(results.every(Boolean));`,
    expected: 'true',
  },
];

const IMPORTS = `
  import net from 'node:net'; import { once } from 'node:events'; import { setTimeout } from 'node:timers/promises';
  // How the process saw the connection before end, once it is as wanted, or what it is in the end.
  const fate = async (wanted) => {
    let seen;
    for (const end = performance.now() + 5000; seen !== wanted && performance.now() < end; ) {
      const socket = net.connect(80, 'servicename');
      await once(socket, 'data');
      socket.write('fate');
      seen = String((await once(socket, 'data'))[0]);
      socket.destroy();
    }
    return seen;
  };`;

describe('inbound', () => {
  let tp: Tp;
  before(async () => {
    const workload = ['--workload', 'deployment/servicename', '--name', NAME];
    tp = await Tp.session([...workload, 'node:24-slim', 'node', '-e', SERVER]);
    await tp.says(/Service servicename is switched/);
    await tp.says(/Service servicename-metrics is switched/);
    for (const port of ['80, "servicename"', '9090, "servicename-metrics"']) {
      const greeting = `
        const socket = net.connect(${port}).on('error', () => {});
        const first = await Promise.race([once(socket, 'data'), setTimeout(500)]);
        socket.destroy();
        console.log(String(first));`;
      await eventually(
        () => inCluster(IMPORTS + greeting),
        (text) => text.startsWith('hello'),
      );
    }
  });
  after(() => tp.end());

  for (const { what, script, expected } of SCENARIOS) {
    test(what, async () => {
      const ip = await kubectl(
        'get',
        'pods',
        '-l',
        `tp/session=${tp.session}`,
        '-o',
        'jsonpath={.items[0].status.podIP}',
      );
      assert.equal((await inCluster(IMPORTS + script, ip)).trim(), expected);
    });
  }

  test('the first request is announced with the name of its pod', async () => {
    await tp.says(/first request from frontend-[a-z0-9-]+ answered here/);
  });
});

describe('ports', () => {
  test('a process that listens elsewhere is told the flag to paste within two seconds', async () => {
    const server = `require('node:http').createServer((q, r) => r.end('{}')).listen(3000); process.on('SIGTERM', () => process.exit(0));
      setTimeout(() => console.log('listening'), 1);`;
    await using tp = new Tp([
      'docker-run',
      '--workload',
      'deployment/servicename',
      'node:24-slim',
      'node',
      '-e',
      server,
    ]);
    await tp.says(/^listening/m);
    await tp.says(/listening on 3000, Service wants 8080 or 9090: add --port 3000:8080/, 2_000);
  });

  test('--port answers from there, and a port without a listener goes to the original pods', async () => {
    const server = `require('node:http').createServer((q, r) => r.end('from port 3000')).listen(3000); process.on('SIGTERM', () => process.exit(0));`;
    const args = [
      '--workload',
      'deployment/servicename',
      '--port',
      '3000:8080',
      'node:24-slim',
      'node',
      '-e',
      server,
    ];
    await using tp = await Tp.session(args, /Service servicename is switched/);
    await eventually(
      () => callService('http://servicename/'),
      (text) => text === 'from port 3000',
    );
    assert.match(await callService('http://servicename-metrics:9090/'), /servicename_requests_total/);
    assert.doesNotMatch(tp.stderr, /servicename-metrics is switched/);
  });

  test('a process that listens on 127.0.0.1 only is reached, with a warning', async () => {
    const server = `require('node:http').createServer((q, r) => r.end('from loopback')).listen(8080, '127.0.0.1'); process.on('SIGTERM', () => process.exit(0));`;
    const args = ['--workload', 'deployment/servicename', 'node:24-slim', 'node', '-e', server];
    await using tp = await Tp.session(args, /Service servicename is switched/);
    await eventually(
      () => callService('http://servicename/'),
      (text) => text === 'from loopback',
    );
    await tp.says(/port 8080 listens on 127\.0\.0\.1 only/);
  });
});
