/** Code that changes while it runs: no request fails, and the cluster soon gets the new code's answer. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { basename, join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { callService } from './harness/cluster.ts';
import { docker, inContainer } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { Load } from './harness/load.ts';
import { IMAGE, KINDS, type Kind, PROGRAM, Project } from './harness/reloading.ts';
import { settled } from './harness/settled.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const SERVICE = 'http://servicename/';
const RATE = 50;
const RELOADS = 20;

/** Nobody saves again sooner (ms) than this after having seen the last change; and `node --watch` misses some that do. */
const PACE_MS = 500;

const SWITCHED = /Service servicename is switched/;

describe('reload', () => {
  let previous: unknown;
  let project: Project;

  before(async () => {
    previous = await snapshot();
  });
  beforeEach(async () => {
    project = await Project.make();
  });
  afterEach(async () => {
    await project[Symbol.asyncDispose]();
  });
  after(async () => assert.deepEqual(await snapshot(), previous, 'nothing is left behind'));

  const session = (kind: Kind, ...more: string[]) =>
    Tp.session([...more, ...KINDS[kind](project.directory)], SWITCHED);
  const version = async () => (JSON.parse(await callService(SERVICE)) as { version: string }).version;
  const untilVersion = (wanted: string) => eventually(version, (found) => found === wanted, 10_000);

  for (const kind of Object.keys(KINDS) as Kind[]) {
    test(`${kind}: ${RELOADS} reloads under a steady load fail no request`, async () => {
      await using tp = await session(kind);
      await settled(SERVICE, 'first');
      const load = await Load.start(SERVICE, RATE);
      for (let n = 1; n <= RELOADS; n++) {
        const saved = project.save(`version ${n}`);
        const first = await load.sees(`version ${n}`);
        assert.ok(first.startedAt > saved, 'a process of the new code answers');
        await delay(PACE_MS);
      }
      const { failures, by } = await load.stop();
      assert.deepEqual(failures, []);
      const elsewhere = Object.keys(by).filter((host) => !host.startsWith('tp-'));
      assert.deepEqual(elsewhere, [], `callers waited for the process, but for ${JSON.stringify(by)}`);
      assert.equal(await tp.end(), 0, tp.stderr);
    });
  }

  /** How often the process was started. */
  const starts = (tp: Tp) => tp.stdout.split('listening\n').length - 1;

  test('a burst of changes is one reload, and what is left out is none', async () => {
    project.write('.gitignore', 'node_modules/\n*.log\n');
    await using tp = await session('--watch');
    await untilVersion('first');
    for (let n = 1; n <= 30; n++) project.write(`debug-${n}.log`, 'left out');
    for (let n = 1; n <= 30; n++) project.write(`part-${n}.js`, '');
    project.save('after the burst');
    await untilVersion('after the burst');
    assert.match(tp.stderr, /and 30 more changed: restarted/);
    assert.equal(starts(tp), 2, tp.stdout);
  });

  test('a process that ends is started by a change; meanwhile the original pods answer', async () => {
    await using tp = await session('--watch');
    await untilVersion('first');
    project.write('server.js', 'syntax error');
    await tp.says(/the container ended with exit code 1; a change starts it again/);
    const answer = JSON.parse(await callService('http://servicename/who')) as { hostname: string };
    assert.match(answer.hostname, /^servicename-/);
    project.save('repaired');
    await untilVersion('repaired');
    assert.equal(await tp.end(), 0, tp.stderr);
  });

  test('a failing build shows why, and keeps what runs; the next one takes its place', async () => {
    const idFile = join(project.directory, '..', `${basename(project.directory)}.cid`);
    await using tp = await session('--build', '--name', 'tp-e2e-built', '--cidfile', idFile);
    await untilVersion('first');
    const before = await idOf('tp-e2e-built');
    project.write('Dockerfile', 'FROM node:24-slim\nCOPY nosuch /\n');
    await tp.says(/cannot be built, for the reason above; what ran before runs on/);
    assert.match(tp.stderr, /nosuch/);
    assert.equal(await idOf('tp-e2e-built'), before);
    assert.equal(await version(), 'first');
    project.write('Dockerfile', readFileSync(join(PROGRAM, 'Dockerfile'), 'utf8'));
    project.save('built');
    await untilVersion('built');
    const after = await idOf('tp-e2e-built');
    assert.notEqual(after, before);
    assert.equal(readFileSync(idFile, 'utf8'), after);
    rmSync(idFile);
    assert.equal(await tp.end(), 0, tp.stderr);
  });

  test('images that a build has taken the name of are removed', async () => {
    const unnamed = () => docker('image', 'ls', '--quiet', '--filter', 'dangling=true');
    await using tp = await session('--build');
    await untilVersion('first');
    const before = await unnamed();
    for (const name of ['one', 'two']) {
      project.save(name);
      await untilVersion(name);
    }
    await eventually(unnamed, (found) => found === before);
    assert.equal(await tp.end(), 0, tp.stderr);
  });

  test('--sync brings in all that is not left out, and takes away what was removed', async () => {
    project.write('notes.txt', 'to be removed');
    project.write('.dockerignore', 'secret.txt\n');
    project.write('secret.txt', 'not for the container');
    await using tp = await session('--sync, a program that reloads', '--name', 'tp-e2e-synced');
    await untilVersion('first');
    const files = async () => (await docker('exec', 'tp-e2e-synced', 'ls', '-A', '/app')).trim().split('\n');
    assert.deepEqual(
      (await files()).filter((name) => /notes|secret|node_modules/.test(name)),
      ['node_modules', 'notes.txt'],
    );
    rmSync(join(project.directory, 'notes.txt'));
    mkdirSync(join(project.directory, 'deep'));
    project.write('deep/er.txt', 'new');
    await eventually(files, (names) => !names.includes('notes.txt') && names.includes('deep'));
    await eventually(
      () => docker('exec', 'tp-e2e-synced', 'ls', '/app/deep'),
      (text) => text === 'er.txt\n',
    );
    assert.equal(await tp.end(), 0, tp.stderr);
  });

  test('--sync into a container that cannot be written is an error', async () => {
    const tp = new Tp([
      'docker-run',
      '--read-only',
      ...KINDS['--sync, a program that reloads'](project.directory),
    ]);
    assert.equal(await tp.exited, 125);
    assert.match(tp.stderr, /cannot be copied to \/app: .*read-only.* \[TP_SYNC\]/s);
  });

  test('a process that does not hear the stop signal is waited for once', async () => {
    project.write('server.js', deaf(project.code('first')));
    await using tp = await session('--watch');
    await untilVersion('first');
    const took: number[] = [];
    for (const name of ['second', 'third']) {
      const begin = performance.now();
      project.write('server.js', deaf(project.code(name)));
      await untilVersion(name);
      took.push(performance.now() - begin);
    }
    assert.ok((took[0] ?? 0) > 1_000, `${took}`);
    assert.ok((took[1] ?? 0) < (took[0] ?? 0), `not again: ${took}`);
    assert.equal(await tp.end(), 137, tp.stderr);
  });

  test('a debugger’s port works through restarts', async () => {
    const [command = [], ...rest] = [KINDS['--watch'](project.directory)];
    assert.deepEqual(rest, []);
    const inspected = [
      '-p',
      '127.0.0.1:19229:9229',
      ...command,
      'node',
      '--inspect=0.0.0.0:9229',
      'server.js',
    ];
    await using tp = await Tp.session(inspected, SWITCHED);
    const target = async () => {
      const list = (await (await fetch('http://127.0.0.1:19229/json/list')).json()) as { id: string }[];
      return list[0]?.id;
    };
    const before = await target();
    assert.ok(before);
    project.save('debugged');
    await untilVersion('debugged');
    const after = await target();
    assert.ok(after && after !== before, 'another process is debugged at the same port');
    assert.equal(await tp.end(), 0, tp.stderr);
  });

  test('a debugger that listens on the host is reached', async () => {
    const debuggerServer = createServer((socket) => socket.end('attached'));
    await new Promise<void>((resolve) => debuggerServer.listen(0, '0.0.0.0', resolve));
    const { port } = debuggerServer.address() as AddressInfo;
    await using tp = await session('--watch', '--name', 'tp-e2e-debugged');
    const script = `
      import { connect } from 'node:net';
      connect(${port}, 'host.docker.internal').on('data', (text) => console.log(String(text)));`;
    for (const version of ['first', 'second']) {
      if (version !== 'first') project.save(version);
      await untilVersion(version);
      assert.equal(await inContainer('tp-e2e-debugged', script), 'attached\n');
    }
    debuggerServer.close();
    assert.equal(await tp.end(), 0, tp.stderr);
  });

  test('Ctrl-C in the middle of a build leaves nothing', async () => {
    await using tp = await session('--build');
    await untilVersion('first');
    project.write('Dockerfile', 'FROM node:24-slim\nRUN echo begun && sleep 60\n');
    await tp.says(/Step 2\/2|RUN echo begun/);
    const begin = performance.now();
    await tp.end();
    assert.ok(performance.now() - begin < 20_000, 'the build is not waited for');
    await eventually(
      () => docker('ps', '--all', '--quiet', '--filter', `ancestor=node:24-slim`),
      (left) => left === '',
      15_000,
    );
  });

  test('paths that are not there are refused before anything is done', async () => {
    for (const flags of [
      ['--watch', 'nosuch'],
      ['--sync', '.'],
      ['--build', 'nosuch'],
    ]) {
      const tp = new Tp(['docker-run', ...flags, IMAGE]);
      assert.equal(await tp.exited, 125);
      assert.match(tp.stderr, /\[TP_RELOAD_PATH\]/);
    }
  });

  test('a build that fails at the start is the command’s failure', async () => {
    project.write('Dockerfile', 'FROM node:24-slim\nCOPY nosuch /\n');
    const tp = new Tp(['docker-run', ...KINDS['--build'](project.directory)]);
    assert.equal(await tp.exited, 125);
    assert.match(tp.stderr, /examplecom\/reloading:dev cannot be built, for the reason above \[TP_BUILD\]/);
  });

  const idOf = async (name: string) => (await docker('inspect', '--format', '{{.Id}}', name)).trim();
});

/** The server, without an ear for signals. */
const deaf = (code: string) => code.replace("process.once('SIGTERM'", "process.once('nothing'");
