/** Nothing leaks: neither when the agent is dead, nor through the network container; published ports work beside egress. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { docker, inContainer, jsonFrom } from './harness/container.ts';
import { lanHost } from './harness/lan.ts';
import { agentPid } from './harness/processes.ts';
import { Tp } from './harness/tp.ts';

const NAME = 'tp-e2e-isolation';
const PORT = 18083;

/** Tries TCP and UDP to addresses outside; prints what became of each: an answer would be a leak. */
const REACH = `
  import net from 'node:net';
  import dgram from 'node:dgram';
  const attempts = JSON.parse(process.argv[2]);
  const tcp = (host, port) => new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: 1500 });
    socket.on('data', () => { resolve('answered'); socket.destroy(); });
    socket.on('timeout', () => { resolve('silent'); socket.destroy(); }).on('error', (error) => resolve(error.code)).on('end', () => resolve('ended'));
  });
  const udp = (host, port) => new Promise((resolve) => {
    const socket = dgram.createSocket('udp4');
    socket.on('message', () => { resolve('answered'); socket.close(); }).on('error', (error) => resolve(error.code));
    socket.send('ping', port, host);
    setTimeout(() => resolve('silent'), 1500);
  });
  const results = {};
  for (const { kind, host, port } of attempts) results[kind + ' ' + host] = await (kind === 'tcp' ? tcp : udp)(host, port);
  console.log(JSON.stringify(results));
  process.exit(0);`;

describe('isolation', () => {
  let tp: Tp;
  let lan: Awaited<ReturnType<typeof lanHost>>;
  before(async () => {
    lan = await lanHost();
    tp = await Tp.session(
      ['--name', NAME, '-p', `${PORT}:8080`, 'examplecom/servicename'],
      /Service servicename is switched/,
    );
  });
  after(async () => {
    await tp.end();
    await lan.remove();
  });
  const egress = async () =>
    (await inContainer(NAME, `console.log((await (await fetch('http://thing1/')).json()).name)`)).trim();

  test('a published port answers from the host while egress works', async () => {
    assert.equal(await (await fetch(`http://127.0.0.1:${PORT}/healthz`)).text(), 'ok\n');
    assert.equal(await egress(), 'thing1');
  });

  test("it answers from another machine's address", async () => {
    assert.equal(await lan.get(`http://${lan.gateway}:${PORT}/healthz`), 'ok\n');
    assert.equal(await egress(), 'thing1');
  });

  test('it answers from a sibling, which cannot route through the network container', async () => {
    const address = (
      await docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', `tp-${tp.session}`)
    ).trim();
    const script = `
      const own = await (await fetch('http://${address}:8080/healthz')).text();
      const { execFileSync } = await import('node:child_process');
      execFileSync('ip', ['route', 'replace', '10.96.0.0/16', 'via', '${address}']);
      const routed = await fetch('http://10.96.0.1:443/', { signal: AbortSignal.timeout(2000) }).then((r) => 'answered ' + r.status, (error) => error.cause?.code ?? error.name);
      console.log(JSON.stringify({ own, routed }));`;
    const run = ['run', '--rm', '-i', '--cap-add', 'NET_ADMIN', '--entrypoint', 'node', 'node:24-slim'];
    const out = JSON.parse(await docker(...run, '--input-type=module', '-e', script)) as {
      own: string;
      routed: string;
    };
    assert.equal(out.own, 'ok\n');
    assert.match(out.routed, /TimeoutError|EHOSTUNREACH|ENETUNREACH/);
  });

  test('with the agent killed, neither the LAN nor anything behind it is reached', async () => {
    const attempts = JSON.stringify([
      { kind: 'tcp', host: lan.address, port: lan.port },
      { kind: 'udp', host: lan.address, port: lan.port },
      { kind: 'tcp', host: lan.beyond, port: lan.port },
    ]);
    assert.equal(await lan.reachableFromPlainContainer(), true, 'the LAN host does answer a plain container');
    const agent = await agentPid(tp.session);
    // The CLI would start another agent: it is held still, so that the container is looked at alone.
    tp.child.kill('SIGSTOP');
    try {
      process.kill(agent, 'SIGKILL');
      const results = await jsonFrom<Record<string, string>>(NAME, REACH, attempts);
      for (const [what, result] of Object.entries(results)) assert.notEqual(result, 'answered', what);
      assert.equal(Object.keys(results).length, 3);
    } finally {
      tp.child.kill('SIGCONT');
    }
    await tp.says(/the agent ended, and is started again/);
    await tp.says(/connected again after/);
    assert.equal(await egress(), 'thing1', 'it goes on with another agent');
    assert.equal(await (await fetch(`http://127.0.0.1:${PORT}/healthz`)).text(), 'ok\n');
  });
});
