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

/** What a flood may add to a process (bytes): the sockets and streams of a thousand ports. */
const GROWTH_LIMIT_BYTES = 128 * 1024 * 1024;

test('packets, datagrams and questions that are none', async () => {
  const before = await snapshot();
  {
    await using session = await Tp.session(
      ['--name', NAME, '--hostname', 'laptop', 'examplecom/servicename'],
      /Service servicename is switched/,
    );
    const memory = await MemoryOf.session(session);
    const idle = memory.now();
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
    const now = memory.now(); // throws where one has ended
    for (const part of PARTS) assert.ok(now[part] - idle[part] < GROWTH_LIMIT_BYTES, `${part}: ${now[part]}`);
    assert.doesNotMatch(session.stderr, /ended|lost|again/);
  }
  assert.deepEqual(await snapshot(), before);
});
