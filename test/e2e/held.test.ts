/** Sessions that are held in the background, for others to join. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { callService } from './harness/cluster.ts';
import { docker } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const WORKLOAD = 'deployment/servicename';

/** How long the proxy waits for a process that was there (ms). */
const WAIT_READY_MS = 15_000;
const JOINED = 'tp-e2e-joined';

/** Starts a session in the background; gives the words by which a container joins it. */
async function up(...args: string[]): Promise<{ join: string[]; stderr: string }> {
  const { code, stdout, stderr } = await tp('up', ...args);
  assert.equal(code, 0, stderr);
  return { join: stdout.trim().split(' '), stderr };
}

describe('tp up', () => {
  test('is joined by docker run: the cluster is reached and reaches it; tp down puts everything back', async () => {
    const before = await snapshot();
    const { join, stderr } = await up(WORKLOAD, '--', '-p', '127.0.0.1:18090:8080');
    try {
      assert.deepEqual(join.slice(0, 2), ['--network', 'container:tp-servicename']);
      assert.equal(statSync(join.at(-1) ?? '').mode & 0o777, 0o600);
      const log = /its log: (\S+)/.exec(stderr)?.[1] ?? '';
      await docker('run', '-d', '--name', JOINED, ...join, 'examplecom/servicename');
      try {
        const answer = await eventually(
          () => callService('http://servicename/'),
          (text) => text.includes('"hostname":"tp-servicename-'),
        );
        assert.match(answer, /"thing1":\{"name":"thing1"/);
        assert.match(await (await fetch('http://127.0.0.1:18090/who')).text(), /tp-servicename-/);
        assert.match(readFileSync(log, 'utf8'), /Service servicename is switched/);
        const status = await tp('status');
        assert.match(
          status.stdout,
          /deployment\/servicename +\S+\/default\n.* held as +tp-servicename\n +process +running/s,
        );
      } finally {
        await docker('rm', '-f', '-v', JOINED);
      }
      // The process is gone, the session is not: a call waits for it as for one that restarts, then the pods answer.
      assert.doesNotMatch(await callService('http://servicename/', WAIT_READY_MS * 1.5), /"hostname":"tp-/);
    } finally {
      const { code, stderr: said } = await tp('down', 'servicename');
      assert.equal(code, 0, said);
    }
    assert.deepEqual(await snapshot(), before);
  });

  test('holds several at once, and tp down ends them all', async () => {
    const before = await snapshot();
    const { code, stdout, stderr } = await tp('up', '--no-inbound', WORKLOAD, 'statefulset/queue');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /container:tp-servicename .*\n.*container:tp-queue /);
    assert.equal((await tp('down')).code, 0);
    assert.deepEqual(await snapshot(), before);
  });

  test('a name that is taken is refused, and what runs is left alone', async () => {
    await up('--no-inbound', WORKLOAD);
    try {
      const second = await tp('up', '--no-inbound', WORKLOAD);
      assert.equal(second.code, 125);
      assert.match(second.stderr, /there is a container tp-servicename already \[TP_NAME_TAKEN\]/);
      assert.match((await tp('status')).stdout, / held as +tp-servicename\n +process +running/);
    } finally {
      await tp('down');
    }
  });

  test('a workload that is not there is an error of this command, and leaves nothing', async () => {
    const before = await snapshot();
    const { code, stderr } = await tp('up', 'deployment/nosuch');
    assert.equal(code, 125);
    assert.match(stderr, /there is no deployment\/nosuch.*TP_NO_WORKLOAD/);
    assert.deepEqual(await snapshot(), before);
  });

  test('kill -9 of the process that holds it, and the next command leaves nothing', async () => {
    const before = await snapshot();
    await up('--no-inbound', WORKLOAD);
    const owner = await docker(
      'inspect',
      'tp-servicename',
      '--format',
      '{{index .Config.Labels "tp/owner"}}',
    );
    const { pid } = JSON.parse(owner) as { pid: number };
    process.kill(pid, 'SIGKILL');
    const next = new Tp(['docker-run', '--no-inbound', 'examplecom/servicename', 'true']);
    assert.equal(await next.exited, 0, next.stderr);
    assert.deepEqual(await snapshot(), before);
  });

  test('down of what is not held is refused', async () => {
    const { code, stderr } = await tp('down', 'nosuch');
    assert.equal(code, 125);
    assert.match(stderr, /no session is held for nosuch \[TP_NO_SESSION\]/);
  });
});
