/** What happens to a Compose project while some of its services act as pods. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { callService, kubectl } from './harness/cluster.ts';
import { ComposeProject } from './harness/compose-project.ts';
import { docker } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { Load } from './harness/load.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const WHO = 'http://servicename/who';
const HERE = /"hostname":"faulty"/;
const ORIGINAL = /"hostname":"servicename-/;

/** Compose stops, builds and creates by then (ms). */
const COMPOSE_LIMIT_MS = 60_000;

/** Requests a second, from inside the cluster. */
const RATE = 50;

/** Requests that can be under way at one moment: each is answered within a few milliseconds, so mostly it is none. */
const IN_FLIGHT = 2;
/** Connections that the load keeps. One to a laptop that was killed cannot be told from one whose link is cut: it waits. */
const KEPT = 4;

interface Running {
  project: ComposeProject;
  up: Tp;
}

/** Runs the project, and demands that nothing is left once it has ended. `down` is the person's own. */
async function whileUp(act: (running: Running) => Promise<void>, down = true): Promise<void> {
  const before = await snapshot();
  {
    await using project = new ComposeProject(`${import.meta.dirname}/compose-faults`);
    {
      await using up = new Tp(['compose', 'up'], { cwd: project.directory, env: project.env });
      await up.says(/Service servicename is switched/, COMPOSE_LIMIT_MS);
      await eventually(() => callService(WHO), here);
      await act({ project, up });
      await up.end('SIGINT');
      assert.match(await callService(WHO), ORIGINAL);
    }
    if (!down) assert.deepEqual(await snapshot(), before, 'nothing is left behind');
  }
  assert.deepEqual(await snapshot(), before, 'nothing is left behind');
}

const here = (answer: string) => HERE.test(answer);

describe('tp compose up', () => {
  test('kill -9: the Service has an answer all the time, and the next command leaves nothing', async () => {
    await whileUp(async ({ project, up }) => {
      const load = await Load.start(WHO, RATE);
      up.child.kill('SIGKILL');
      await up.exited;
      await eventually(
        () => callService(WHO),
        (answer) => ORIGINAL.test(answer),
      );
      // No terminal could reach Compose any more: it ends as at Ctrl-C.
      await eventually(
        () => project.running(),
        (services) => services.join() === '',
        COMPOSE_LIMIT_MS,
      );
      const { code, stderr } = await tp('leave');
      assert.equal(code, 0, stderr);
      assert.equal(await docker('ps', '-aq', '--filter', 'label=com.docker.compose.service=web'), '');
      const { failures, by } = await load.stop();
      assert.ok(failures.length <= IN_FLIGHT + KEPT, failures.join('\n'));
      assert.ok(
        Object.keys(by).some((host) => host.startsWith('servicename-')),
        JSON.stringify(by),
      );
    });
  });

  test('kill -9, and then tp compose up again', async () => {
    await whileUp(async ({ project, up }) => {
      up.child.kill('SIGKILL');
      await up.exited;
      await using again = new Tp(['compose', 'up'], { cwd: project.directory, env: project.env });
      await again.says(/Service servicename is switched/, COMPOSE_LIMIT_MS);
      await eventually(() => callService(WHO), here);
    });
  });

  test('docker compose down in another terminal ends it, and leaves nothing', async () => {
    await whileUp(async ({ project, up }) => {
      const load = await Load.start(WHO, RATE);
      await project.compose('down');
      await up.exited;
      assert.match(up.stderr, /docker compose up has ended, with exit code \d+/);
      const { failures } = await load.stop();
      // Compose ends the process without asking: what is under way on a kept connection may end with it.
      assert.ok(failures.length <= IN_FLIGHT, failures.join('\n'));
      // What Compose had to leave, as the session was on it.
      const ofProject = ['--filter', 'label=com.docker.compose.project=tp-e2e-faults'];
      assert.equal(await docker('network', 'ls', '-q', ...ofProject), '');
      await project.compose('down', '--rmi', 'local'); // the image that was built
    }, false);
  });

  test('the file changes, and docker compose up -d takes it; the session goes on', async () => {
    await whileUp(async ({ project }) => {
      const path = join(project.directory, 'compose.yaml');
      const before = await project.idOf('web');
      const text = readFileSync(path, 'utf8').replace('hostname: faulty', 'environment: {CHANGED: "yes"}');
      writeFileSync(path, `${text}  second: *cache\n`);
      await project.compose('up', '-d');
      assert.notEqual(await project.idOf('web'), before);
      assert.equal(await project.node('web', 'process.stdout.write(process.env.CHANGED)'), 'yes');
      assert.match(
        await project.node('web', 'process.stdout.write(process.env.POD_NAME)'),
        /^tp-servicename-/,
      );
      await eventually(
        () => project.ask('web', 'http://second/').catch(String),
        (text) => text === 'from a cache',
      );
      await eventually(() => callService(WHO, COMPOSE_LIMIT_MS), here);
    });
  });

  test('commands of Compose in another terminal work on the service as ever', async () => {
    await whileUp(async ({ project, up }) => {
      const startOf = async () =>
        await docker('inspect', '-f', '{{.State.StartedAt}}', await project.idOf('web'));
      const first = await project.idOf('web');
      await project.compose('up', '-d', '--force-recreate', 'web');
      assert.notEqual(await project.idOf('web'), first);
      assert.match(await callService(WHO, COMPOSE_LIMIT_MS), HERE, up.stderr);

      const started = await startOf();
      await project.compose('restart', 'web');
      assert.notEqual(await startOf(), started);
      assert.match(await callService(WHO, COMPOSE_LIMIT_MS), HERE, up.stderr);

      const ask = (url: string) => ['node', '-e', `fetch('${url}').then((r) => r.text()).then(console.log)`];
      for (const how of [
        ['exec', '-T'],
        ['run', '--rm', '-T'],
      ]) {
        assert.match(await project.compose(...how, 'web', ...ask('http://thing1/')), /"name":"thing1"/);
        assert.equal(await project.compose(...how, 'web', ...ask('http://cache/')), 'from a cache\n');
        assert.match(await project.compose(...how, 'web', 'printenv', 'POD_NAME'), /^tp-servicename-/);
      }
      assert.match(await callService(WHO), HERE);
      assert.equal(up.child.exitCode, null, up.stderr);
    });
  });

  test('docker compose watch brings files, and restarts the service', async () => {
    await whileUp(async ({ project }) => {
      const { directory: cwd } = project;
      const env = { ...project.env, HOME: dirname(cwd) }; // where it leaves a file with its process id
      const watch = new Tp(['compose', 'watch', '--no-up'], { program: ['docker'], cwd, env });
      await watch.says(/Watch enabled/);
      appendFileSync(join(cwd, 'site/public/page.txt'), 'and edited\n');
      await watch.says(/restarted/);
      const page =
        "process.stdout.write((await import('node:fs')).readFileSync('/app/public/page.txt', 'utf8'))";
      assert.equal(await project.node('web', page), 'as built\nand edited\n');
      assert.match(await callService(WHO, COMPOSE_LIMIT_MS), HERE);
      await watch.end('SIGINT');
    });
  });

  test('a session that is lost ends it, with the reason', async () => {
    await whileUp(async ({ project, up }) => {
      await kubectl('delete', 'deployment', '--wait=false', '-l', 'tp/session');
      assert.equal(await up.exited, 125);
      assert.match(up.stderr, /^tp: .*\[TP_SESSION_GONE\]$/m);
      assert.deepEqual(await project.running(), ['']);
    });
  });
});
