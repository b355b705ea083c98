/** What agent and proxy have said can be read while a session runs, and after its process was killed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { embedded } from './harness/cluster.ts';
import { docker } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { proxyPid } from './harness/processes.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';
const SECRET = 'a-secret-that-no-log-may-have';

/** The node writes down what a container says within a moment (ms). */
const LOG_LIMIT_MS = 10_000;

/** The kubelet starts a container that failed again within a few seconds (ms). */
const RESTART_LIMIT_MS = 30_000;

/** Asks for the log until it has all of these; gives it. */
const logWith = async (patterns: readonly RegExp[], ...args: string[]): Promise<string> =>
  await eventually(
    async () => (await tp('logs', ...args)).stdout,
    (text) => patterns.every((pattern) => pattern.test(text)),
    LOG_LIMIT_MS,
  );

const AGENT = [/^agent \| \S+Z the agent takes links$/m, /^agent \| \S+Z linked to the proxy$/m];
const PROXY = [
  /^proxy \| \S+Z session [0-9a-f]{10}: ports 8080, 9090$/m,
  /^proxy \| \S+Z the laptop is connected$/m,
];

describe('tp logs', () => {
  test('shows both parts, one of them, and goes on until the session ends', async () => {
    const before = await snapshot();
    await using session = await Tp.session(
      ['-e', `TOKEN=${SECRET}`, IMAGE],
      /Service servicename is switched/,
    );
    const both = await logWith([...AGENT, ...PROXY, /^agent \| \S+Z listening on .*\b8080\b/m]);
    assert.doesNotMatch(both, new RegExp(SECRET));
    for (const line of both.trimEnd().split('\n')) assert.match(line, /^(agent|proxy) \| \S+Z /);
    const agent = await tp('logs', '--part', 'agent', session.session);
    assert.match(agent.stdout, /^\S+Z linked to the proxy$/m);
    assert.doesNotMatch(agent.stdout, /the laptop is connected/);
    const proxy = await tp('logs', session.session, '--part=proxy');
    assert.match(proxy.stdout, /^\S+Z the laptop is connected$/m);
    assert.doesNotMatch(proxy.stdout, /linked to the proxy/);

    const following = new Tp(['logs', '-f']);
    await following.says(/agent \| .*linked to the proxy/);
    await following.says(/proxy \| .*the laptop is connected/);
    const stopped = new Tp(['logs', '--follow', session.session]);
    await stopped.says(/agent \| .*linked to the proxy/);
    await stopped.end('SIGINT');
    assert.doesNotMatch(stopped.stderr, /bug in tp|\n {4}at /);
    await session.end();
    assert.equal(await following.exited, 0, following.stderr);
    // The network container is removed while it runs: whether the agent's own last word is still read is Docker's affair.
    assert.match(following.stdout, /proxy \| \S+Z asked to end/);
    assert.equal(following.stdout.match(/the agent takes links/g)?.length, 1, following.stdout);
    assert.deepEqual(await snapshot(), before);
  });

  test('is readable after kill -9, of a proxy that was restarted too', async () => {
    const before = await snapshot();
    await using session = await Tp.session([IMAGE], /Service servicename is switched/);
    const { session: id } = session;
    session.child.kill('SIGKILL');
    await session.exited;
    try {
      const gone = /agent \| \S+Z the CLI has gone: the agent ends/;
      await logWith([...AGENT, ...PROXY, gone], id);
      if (!embedded) return; // nobody in the pod may kill its first process
      process.kill(await proxyPid(id), 'SIGKILL');
      const starts = (text: string) => text.match(/proxy \| \S+Z session \S+: ports/g)?.length ?? 0;
      await eventually(
        async () => (await tp('logs', id)).stdout,
        (each) => starts(each) === 2,
        RESTART_LIMIT_MS,
      );
    } finally {
      await tp('leave', id);
    }
    assert.deepEqual(await snapshot(), before);
  });

  test('names the sessions where there are several, and says where there is none', async () => {
    const before = await snapshot();
    const none = await tp('logs');
    assert.equal(none.code, 125);
    assert.match(none.stderr, /there is no session in namespace default \[TP_NO_SESSION\]/);
    const unknown = await tp('logs', '0123456789');
    assert.match(unknown.stderr, /there is no session 0123456789 in namespace default \[TP_NO_SESSION\]/);
    const { code, stderr } = await tp('up', '--no-inbound', 'deployment/servicename', 'statefulset/queue');
    assert.equal(code, 0, stderr);
    try {
      const several = await tp('logs');
      assert.equal(several.code, 125);
      assert.match(several.stderr, /several sessions in namespace default \[TP_SEVERAL_SESSIONS\]/);
      assert.match(several.stderr, /tp logs [0-9a-f]{10} {4}# deployment\/servicename, \S+@\S+/);
      assert.match(several.stderr, /tp logs [0-9a-f]{10} {4}# statefulset\/queue, /);
      const [, queue = ''] = /tp logs ([0-9a-f]{10}) {4}# statefulset/.exec(several.stderr) ?? [];
      assert.match((await tp('logs', queue)).stdout, /agent \| .*linked to the proxy/);
    } finally {
      assert.equal((await tp('down')).code, 0);
    }
    assert.deepEqual(await snapshot(), before);
  });

  test('keeps the log of the network container bounded', async () => {
    await using session = await Tp.session(['--no-inbound', IMAGE]);
    const format = '{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config "max-size"}}';
    assert.equal(
      (await docker('inspect', `tp-${session.session}`, '--format', format)).trim(),
      'json-file 1m',
    );
  });
});
