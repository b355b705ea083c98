/** Nothing is left behind in Docker, the cluster, the host: however a session ends. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apply, callService, kubectl } from './harness/cluster.ts';
import { docker } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';

/** Runs `act` and demands that everything is afterwards as it was before. */
async function leavesNothing(act: () => Promise<void>): Promise<void> {
  const before = await snapshot();
  await act();
  assert.deepEqual(await snapshot(), before);
}

/** The pod is there, and is started; a quick node does not say both. */
const STARTING = /pod \S+: (Pending|ContainerCreating)/;

/** Moments of a start at which it is interrupted: what has just been said. */
const MOMENTS: RegExp[] = [
  /proxy pod: the pod to be made/,
  STARTING,
  /network container: the agent/,
  // Which of them depends on what the cluster says first; a quick start says only the last.
  /the proxy in|✓ proxy pod|ready: context/,
  /ready: context/,
];

describe('nothing is left behind', () => {
  test('after a normal end, with the exit code of the container', async () => {
    await leavesNothing(async () => {
      const { code, stdout, stderr } = await tp(
        'docker-run',
        IMAGE,
        'node',
        '-e',
        'console.log("done"); process.exitCode = 7',
      );
      assert.equal(code, 7, stderr);
      assert.equal(stdout, 'done\n');
      assert.match(stderr, /the container ended with exit code 7/);
    });
  });

  for (const moment of MOMENTS) {
    test(`after Ctrl-C at "${moment.source}"`, async () => {
      await leavesNothing(async () => {
        await using session = await Tp.session([IMAGE], moment);
        const code = await session.end('SIGINT');
        assert.ok(code === 130 || code === 0, `exit ${code}\n${session.stderr}`);
      });
    });
  }

  test('after two Ctrl-C', async () => {
    await leavesNothing(async () => {
      await using session = await Tp.session([IMAGE]);
      session.child.kill('SIGINT');
      await session.says(/giving the Services back|removing|SIGINT|SIGTERM|finishing/);
      await session.end('SIGINT');
    });
  });

  test('after a start that fails in the cluster', async () => {
    await leavesNothing(async () => {
      const { code, stderr } = await tp('docker-run', '--proxy-image', 'examplecom/nosuch:1', IMAGE);
      assert.equal(code, 125);
      assert.match(stderr, /TP_PROXY_PULL/);
      assert.match(stderr, /--proxy-image IMAGE/);
    });
  });

  test('after a start that fails in Docker', async () => {
    await leavesNothing(async () => {
      const { code, stderr } = await tp('docker-run', '--entrypoint', '/no/such/program', IMAGE);
      assert.ok(code === 127 || code === 126 || code === 125 || code === 1, `exit ${code}`);
      assert.match(stderr, /no such file or directory/);
    });
  });

  test('after a published port that is taken', async () => {
    await docker(
      'run',
      '-d',
      '--rm',
      '--name',
      'tp-e2e-taken',
      '-p',
      '18082:1',
      'node:24-slim',
      'sleep',
      '300',
    );
    try {
      await leavesNothing(async () => {
        const { code, stderr } = await tp('docker-run', '-p', '18082:8080', IMAGE);
        assert.equal(code, 125);
        assert.match(stderr, /Docker refuses: .*18082.*\[TP_DOCKER\]/);
        assert.doesNotMatch(stderr, /bug in tp/);
      });
    } finally {
      await docker('rm', '-f', 'tp-e2e-taken');
    }
  });

  test('anonymous volumes of the image are removed', async () => {
    await leavesNothing(async () => {
      const { code, stderr } = await tp('docker-run', '-v', '/data', IMAGE, 'node', '-e', '0');
      assert.equal(code, 0, stderr);
    });
  });

  test('after kill -9: the Service answers within 10 s, and the next command clears up', async () => {
    await leavesNothing(async () => {
      await using session = await Tp.session([IMAGE], /Service servicename is switched/);
      session.child.kill('SIGKILL');
      const killed = performance.now();
      for (;;) {
        const answer = await callService('http://servicename/who', 10_000);
        if (/"servicename-/.test(answer)) break;
      }
      assert.ok(performance.now() - killed < 10_000);
      const { code, stderr } = await tp('docker-run', '--no-inbound', IMAGE, 'node', '-e', '0');
      assert.equal(code, 0, stderr);
      assert.match(stderr, /clearing up after session/);
    });
  });

  test('after kill -9 while starting, by tp leave', async () => {
    await leavesNothing(async () => {
      await using session = await Tp.session([IMAGE], STARTING);
      session.child.kill('SIGKILL');
      await session.exited;
      const { code, stderr } = await tp('leave');
      assert.equal(code, 0, stderr);
    });
  });

  test('tp leave with nothing to undo says so', async () => {
    await leavesNothing(async () => {
      const { code, stderr } = await tp('leave', '--all');
      assert.equal(code, 0);
      assert.match(stderr, /nothing to undo/);
    });
  });

  test('an apply of the original manifest in between breaks nothing', async () => {
    await leavesNothing(async () => {
      await using session = await Tp.session([IMAGE], /Service servicename is switched/);
      const manifest = await kubectl(
        'get',
        'service',
        'servicename',
        '-o',
        'jsonpath={.metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration}',
      );
      await apply(manifest);
      const who = () => callService('http://servicename/who');
      await eventually(who, (text) => text.includes('"tp-servicename-'));
      await session.end();
      await eventually(who, (text) => text.includes('"servicename-'));
    });
  });
});
