import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { ANSWER_LIMIT_MS } from '../../src/completion/within.ts';
import { ended } from './processes.ts';

const CLI = join(import.meta.dirname, '../../src/cli.ts');

/** A start of Node with all that the cluster needs, unbundled, on a slow and busy machine (ms). */
const START_LIMIT_MS = 4_000;

const directory = mkdtempSync(join(tmpdir(), 'tp-complete-'));
/** Where the Docker client that hangs says who it is. */
const pidFile = join(directory, 'pid');
let silent: Server;

const env = {
  ...process.env,
  KUBECONFIG: join(directory, 'config'),
  PATH: `${directory}:${process.env.PATH}`,
};

const tp = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });

before(async () => {
  silent = createServer(() => {}); // accepts, and says nothing
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const server = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const config = {
    'current-context': 'a',
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'a', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
  };
  writeFileSync(join(directory, 'config'), JSON.stringify(config));
  const docker = `#!/bin/sh\necho $$ >${pidFile}.new; mv ${pidFile}.new ${pidFile}\nexec sleep 60\n`;
  writeFileSync(join(directory, 'docker'), docker, { mode: 0o755 });
});

after(() => {
  silent.close();
  rmSync(directory, { recursive: true });
});

describe('tp __complete', () => {
  it('knows the commands of tp, and none of what is hidden', async () => {
    const { stdout } = await tp('__complete', '');
    const words = stdout.split('\n').map((line) => line.split('\t')[0]);
    assert.deepEqual(words, [
      'docker-run',
      'up',
      'down',
      'compose',
      'status',
      'leave',
      'logs',
      'env',
      'doctor',
      'rbac',
      'completion',
      'help',
      '',
    ]);
  });

  it('prints the Role of docs/rights.md', async () => {
    const { stdout } = await tp('rbac');
    const page = readFileSync(join(import.meta.dirname, '../../docs/rights.md'), 'utf8');
    const [, documented = ''] = /```yaml\n(.*?)\n---/s.exec(page) ?? [];
    assert.deepEqual(parse(stdout), parse(documented));
  });

  it('knows the commands of a command, and their flags', async () => {
    const words = async (...line: string[]) =>
      (await tp('__complete', ...line)).stdout.split('\n').map((each) => each.split('\t')[0]);
    assert.deepEqual(await words('compose', ''), ['generate', 'up', 'help', '']);
    assert.ok((await words('compose', 'up', '--')).includes('--namespace'));
  });

  it('takes a line that Node would read, too', async () => {
    const { stdout, stderr } = await tp(
      '__complete',
      '--',
      'docker-run',
      '--env-file',
      '/none',
      '--output',
      '',
    );
    assert.deepEqual([stdout, stderr], ['yaml\n', '']);
  });

  it('gives up on a cluster that hangs, and says what is known without it', async () => {
    const start = performance.now();
    const { code, stdout, stderr } = await tp('__complete', '--', 'docker-run', '-n', '');
    const elapsed = performance.now() - start;
    assert.deepEqual([code, stdout, stderr], [0, 'shop\tof context a\n', '']);
    assert.ok(elapsed < ANSWER_LIMIT_MS + START_LIMIT_MS, `${elapsed} ms`);
  });

  it('gives up on Docker when that hangs, and ends it', { timeout: 30_000 }, async () => {
    const { code, stdout, stderr } = await tp('__complete', '--', 'docker-run', '--work');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^--workload\t/m);
    await ended(Number(readFileSync(pidFile, 'utf8')));
  });

  it('ends with Docker’s client when Ctrl-C comes meanwhile', { timeout: 30_000 }, async () => {
    const changes = watch(directory);
    const child = spawn(process.execPath, [CLI, '__complete', '--', 'docker-run', '--work'], {
      env,
      stdio: 'ignore',
    });
    for await (const [, name] of on(changes, 'change')) if (name === 'pid') break;
    changes.close();
    child.kill('SIGINT');
    await once(child, 'exit');
    await ended(Number(readFileSync(pidFile, 'utf8')));
  });

  it('prints no error', async () => {
    for (const line of [
      ['docker-run', '--context', 'unknown', '--workload', ''],
      ['docker-run', '--output=x', '--workload', 'x', '--container='],
      ['nonsense', '--x'],
    ]) {
      assert.deepEqual(
        await tp('__complete', '--', ...line),
        { code: 0, stdout: '', stderr: '' },
        line.join(' '),
      );
    }
    writeFileSync(join(directory, 'config'), '{ not yaml');
    for (const flag of ['--context', '--namespace', '--service']) {
      assert.deepEqual(await tp('__complete', 'docker-run', flag, ''), { code: 0, stdout: '', stderr: '' });
    }
  });
});

describe('tp completion', () => {
  it('prints a script for each shell that it names', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await tp('completion', shell);
      assert.equal(code, 0);
      assert.match(stdout, /tp __complete --/);
    }
    const { code, stderr } = await tp('completion', 'tcsh');
    assert.equal(code, 125);
    assert.match(stderr, /bash, zsh, fish/);
  });
});
