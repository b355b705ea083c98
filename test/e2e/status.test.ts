/** What is running, and how to end it: a session that lives, hangs, was killed, or is another machine's. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { SessionStatus } from '../../src/status/session-status.ts';
import { callService, kubectl } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { otherMachine } from './harness/other-machine.ts';
import { answered } from './harness/question.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';
const SWITCHED = /Service servicename is switched/;

/** The proxy counts a laptop as silent after about three seconds, and its link as cut after five (ms). */
const NOTICED_MS = 15_000;

/** The pod of a session that was undone ends when it is idle (ms); it would keep a link that is down for a minute. */
const LEAVE_LIMIT_MS = 20_000;

const schema = JSON.parse(readFileSync('docs/status.schema.json', 'utf8')) as object;
const validate = new Ajv2020({ strict: false, formats: { 'date-time': true } }).compile(schema);

/** What `-o json` says, which is as the schema has it. */
function parsed({ code, stdout, stderr }: Awaited<ReturnType<typeof tp>>): SessionStatus[] {
  assert.equal(code, 0, stderr);
  const sessions = JSON.parse(stdout) as SessionStatus[];
  assert.ok(validate(sessions), JSON.stringify(validate.errors));
  return sessions;
}

const status = async (...args: string[]) => parsed(await tp('status', '-o', 'json', ...args));

describe('a session that lives', () => {
  let session: Tp;
  let untouched: unknown;
  before(async () => {
    untouched = await snapshot();
    session = await Tp.session([IMAGE], SWITCHED);
  });
  after(async () => {
    await session.end();
    assert.deepEqual(await snapshot(), untouched);
  });

  test('says of itself what it knows', async () => {
    await eventually(
      () => callService('http://servicename/who'),
      (text) => /"tp-servicename-/.test(text),
    );
    const [only, ...others] = await eventually(status, ([first]) => first?.link.roundTripMs !== undefined);
    assert.deepEqual(others, []);
    assert.equal(only?.session, session.session);
    assert.equal(only.process, 'running');
    assert.equal(only.workload, 'deployment/servicename');
    assert.deepEqual(only.services[0], {
      name: 'servicename',
      ports: [{ port: 80, pod: 8080 }],
      switched: true,
    });
    assert.deepEqual(only.ports[0], { pod: 8080, process: 8080 });
    const { state, reconnects, sentBytes = 0, receivedBytes = 0 } = only.link;
    assert.deepEqual([state, reconnects], ['connected', 0]);
    assert.ok(sentBytes > 100 && receivedBytes > 100, `${sentBytes} sent, ${receivedBytes} received`);
    assert.equal(only.proxy?.ready, true);
    assert.ok(only.features.includes('TUN device'));
  });

  test('is a block of lines that fit a terminal, for people', async () => {
    const { stdout, stderr } = await tp('status');
    assert.equal(stderr, '');
    assert.match(stdout, new RegExp(`^${session.session}  deployment/servicename  \\S+/default\n`));
    assert.match(stdout, /process +running\n +link +connected for /);
    assert.match(stdout, /Services +servicename \(80 -> 8080\) switched/);
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.length > 100),
      [],
    );
  });

  test('is shown without Docker, without the cluster, and with an error without both', async () => {
    const ask = async (env: NodeJS.ProcessEnv) => {
      const command = new Tp(['status'], { env });
      return { code: await command.exited, stdout: command.stdout, stderr: command.stderr };
    };
    const noDocker = { DOCKER_HOST: 'unix:///tp-e2e/nowhere.sock' };
    const noCluster = { KUBECONFIG: '/tp-e2e/nowhere' };
    const first = await ask(noDocker);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /not looked at: Docker does not answer/);
    assert.match(first.stdout, /process +running/);
    const second = await ask(noCluster);
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stderr, /not looked at: no cluster is configured/);
    assert.match(second.stdout, /servicename \(80 -> 8080\)[,\n]/, 'nobody knows whether it is switched');
    const third = await ask({ ...noDocker, ...noCluster });
    assert.equal(third.code, 125);
    assert.match(third.stderr, /not looked at: Docker/);
    assert.match(third.stderr, /TP_NO_CONTEXT/);
  });

  test('is seen from another machine with --all only, by its objects and its proxy’s log', async () => {
    assert.deepEqual(parsed(await otherMachine.tp('status', '-o', 'json')), []);
    const [only] = parsed(await otherMachine.tp('status', '--all', '-o', 'json'));
    assert.equal(only?.session, session.session);
    assert.equal(only.process, 'elsewhere');
    assert.equal(only.link.state, 'connected');
    assert.ok(Date.parse(only.link.since ?? '') >= Date.parse(only.since ?? ''), JSON.stringify(only));
    assert.deepEqual(
      only.services.map(({ name, switched }) => [name, switched]),
      [
        ['servicename', true],
        ['servicename-metrics', true],
      ],
    );
    assert.deepEqual(only.ports, [{ pod: 8080 }, { pod: 9090 }]);
  });

  test('is not ended from there unasked', async () => {
    const { code, stderr } = await otherMachine.tp('leave', session.session);
    assert.equal(code, 125);
    assert.match(stderr, /runs it, connected for \d+ s \[TP_NOT_YOURS\]\n {2}ask \S+ to end it\n/);
    assert.match(stderr, new RegExp(`\n {2}tp leave ${session.session} --yes\n$`));
    assert.match(await callService('http://servicename/who'), /"tp-servicename-/);
  });

  test('does not answer while it is stopped, and the proxy’s log says that it is silent', async () => {
    session.child.kill('SIGSTOP');
    try {
      const [only] = await eventually(
        status,
        ([first]) => first?.link.state === 'silent' || first?.link.state === 'connecting',
        NOTICED_MS,
      );
      assert.equal(only?.process, 'silent');
      assert.match((await tp('status')).stdout, /process +lives, but does not answer/);
    } finally {
      session.child.kill('SIGCONT');
    }
    const [only] = await eventually(status, ([first]) => first?.link.state === 'connected', NOTICED_MS);
    assert.equal(only?.process, 'running');
  });
});

describe('tp leave', () => {
  test('undoes what a killed process left, the cluster’s part from any machine', async () => {
    const untouched = await snapshot();
    const session = await Tp.session([IMAGE], SWITCHED);
    const { session: id } = session;
    session.child.kill('SIGKILL');
    await session.exited;
    const [ended] = await status();
    assert.deepEqual([ended?.session, ended?.process, ended?.link.state], [id, 'ended', 'gone']);
    assert.match((await tp('status')).stdout, new RegExp(`process +has ended: tp leave ${id}\n`));
    const [seen] = parsed(await otherMachine.tp('status', '--all', '-o', 'json'));
    assert.deepEqual([seen?.session, seen?.process], [id, 'elsewhere']);

    const began = performance.now();
    const there = await otherMachine.tp('leave', id, '--yes');
    assert.equal(there.code, 0, there.stderr);
    assert.ok(performance.now() - began < LEAVE_LIMIT_MS, 'the pod does not wait for the killed one');
    assert.match(there.stderr, new RegExp(`undone: ${id}`));
    assert.equal(await kubectl('get', 'deployments,configmaps', '-l', `tp/session=${id}`, '-o', 'name'), '');
    const here = await tp('leave');
    assert.equal(here.code, 0, here.stderr);
    assert.deepEqual(await status('--all'), []);
    assert.deepEqual(await snapshot(), untouched);
  });

  test('ends a live session of another machine with --yes: its process ends by itself, and takes nothing again', async () => {
    const untouched = await snapshot();
    await using session = await Tp.session([IMAGE], SWITCHED);
    const { code, stderr } = await otherMachine.tp('leave', session.session, '--yes');
    assert.equal(code, 0, stderr);
    assert.equal(await session.exited, 125, session.stderr);
    assert.match(session.stderr, /\[TP_SESSION_GONE\]/);
    assert.equal(session.stderr.split('is switched to this laptop').length - 1, 2, 'each Service once');
    assert.doesNotMatch(await callService('http://servicename/who'), /"tp-servicename-/);
    assert.deepEqual(await snapshot(), untouched);
  });

  test('asks at a terminal before it ends a live session of another machine, and does so only for a yes', async () => {
    const untouched = await snapshot();
    await using session = await Tp.session([IMAGE], SWITCHED);
    const { session: id } = session;
    const leave = (answer: string) => answered(otherMachine.place, ['leave', id], answer);
    const asked = new RegExp(`tp session ${id}: \\S+ runs it, connected for \\d+ s\\. End it\\? \\[y/N\\] `);
    const held = await snapshot();
    for (const no of ['n\r', '\r']) {
      const { code, screen } = await leave(no);
      assert.match(screen, asked);
      assert.match(screen, new RegExp(`left alone: ${id}`));
      assert.equal(code, 0, screen);
      assert.deepEqual(await snapshot(), held);
      assert.match(await callService('http://servicename/who'), /"tp-servicename-/);
    }
    assert.doesNotMatch(session.stderr, /warning:|TP_/);
    const { code, screen } = await leave('y\r');
    assert.match(screen, asked);
    assert.match(screen, new RegExp(`undone: ${id}`));
    assert.equal(code, 0, screen);
    assert.equal(await session.exited, 125, session.stderr);
    assert.match(session.stderr, /\[TP_SESSION_GONE\]/);
    assert.deepEqual(await snapshot(), untouched);
  });

  test('wakes a stopped process, which ends in good order', async () => {
    const untouched = await snapshot();
    await using session = await Tp.session([IMAGE], SWITCHED);
    session.child.kill('SIGSTOP');
    const { code, stderr } = await tp('leave', session.session);
    assert.equal(code, 0, stderr);
    await session.exited;
    assert.deepEqual(await snapshot(), untouched);
  });
});
