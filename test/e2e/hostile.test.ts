/** A process that sends anything at all into its namespace harms neither its session nor anybody else's answers. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { callService } from './harness/cluster.ts';
import { docker, inContainer, jsonFrom } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { MemoryOf, PARTS } from './harness/processes.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const run = promisify(execFile);
const NAME = 'tp-e2e-hostile';
const NETWORK = 'tp-e2e-hostile';
const SIBLING = 'tp-e2e-hostile-sibling';

/** What a flood may add to a process (bytes): the sockets and streams of a thousand ports. */
const GROWTH_LIMIT_BYTES = 128 * 1024 * 1024;

test('packets, datagrams and questions that are none', async (context) => {
  const before = await snapshot();
  // Where no sibling has a name, the agent need not read a question.
  await docker('network', 'create', NETWORK);
  await docker('run', '-d', '--rm', '--name', SIBLING, '--network', NETWORK, 'node:24-slim', 'sleep', '600');
  try {
    await using session = await Tp.session(
      ['--name', NAME, '--network', NETWORK, '--hostname', 'laptop', 'examplecom/servicename'],
      /Service servicename is switched/,
    );
    const memory = await MemoryOf.session(session);
    const idle = memory.now();
    memory.forgetPeak();
    const surroundings = await jsonFrom<{ own: string; nameserver: string; things: string[] }>(
      NAME,
      `import { getServers, promises } from 'node:dns';
      const of = async (name) => (await promises.resolve4(name + '.default.svc.cluster.local'))[0];
      const things = [await of('thing1'), await of('thing2'), await of('udpecho')];
      console.log(JSON.stringify({ own: process.env.POD_IP, nameserver: getServers()[0], things }));`,
    );
    const { own, nameserver, things } = surroundings;
    // From the host's side, for the image has no such rights, but one with --cap-add could have.
    const pid = (await docker('inspect', '-f', '{{.State.Pid}}', `tp-${session.session}`)).trim();
    const program = `${import.meta.dirname}/programs/hostile.py`;
    await run('nsenter', ['--target', pid, '--net', 'python3', program, own, nameserver, ...things]);

    const refused = `import { connect } from 'node:net';
      connect({ host: '${things[0]}', port: 0 }).on('error', (error) => console.log(error.code));`;
    assert.equal(await inContainer(NAME, refused), 'ECONNREFUSED\n');

    const ask = () =>
      inContainer(NAME, `console.log((await (await fetch('http://thing1/')).json()).name)`).catch(String);
    await eventually(ask, (text) => text === 'thing1\n');
    assert.equal(await callService('http://servicename/who'), '{"hostname":"laptop"}');
    const address = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    const sibling = `console.log((await (await import('node:dns/promises')).lookup('${SIBLING}')).address)`;
    assert.equal(await inContainer(NAME, sibling), await docker('inspect', '-f', address, SIBLING));
    const peak = memory.peak(); // throws where one has ended
    const growth = PARTS.map((part) => [part, peak[part] - idle[part]] as const);
    context.diagnostic(`grown by ${growth.map(([part, bytes]) => `${part} ${bytes >> 20} MiB`).join(', ')}`);
    for (const [part, bytes] of growth) assert.ok(bytes < GROWTH_LIMIT_BYTES, `${part}: ${bytes}`);
    assert.doesNotMatch(session.stderr, /ended|lost|again/);
  } finally {
    await docker('rm', '-f', SIBLING);
    await docker('network', 'rm', NETWORK);
  }
  assert.deepEqual(await snapshot(), before);
});
