import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { askDocker, readAnswer } from '../../src/completion/docker.ts';
import { ANSWER_LIMIT_MS } from '../../src/completion/within.ts';

const NOTHING = { candidates: [], hints: [] };

describe('an answer of Docker’s client', () => {
  const read = (lines: string[], flagBefore = '', current = '') => {
    const { candidates, hints } = readAnswer(`${lines.join('\n')}\n`, flagBefore, current);
    return [...candidates.map(({ word }) => word), ...hints.map((hint) => `:${hint}`)];
  };

  it('has words with what they are, and what the shell is to do', () => {
    const { candidates } = readAnswer('--name\tAssign a name\n--network\tConnect\n:4\n', '', '--n');
    assert.deepEqual(candidates, [
      { word: '--name', about: 'Assign a name' },
      { word: '--network', about: 'Connect' },
    ]);
    assert.deepEqual(read(['size=', ':6']), ['size=', ':nospace']);
    assert.deepEqual(read([':2']), [':files']);
    assert.deepEqual(read([':0']), [':files']);
    assert.deepEqual(read(['one', ':0']), ['one']);
    assert.deepEqual(read(['env', ':8']), [':files']);
    assert.deepEqual(read([':16']), [':directories']);
    assert.deepEqual(read([':4']), []);
  });

  it('that is an error, or none, is nothing', () => {
    for (const lines of [[], [''], ['x', ':1'], ['x', ':5'], ['docker: unknown command'], ['x', ':y']]) {
      assert.deepEqual(read(lines), []);
    }
  });

  it('is given the flag again that its value is joined to', () => {
    assert.deepEqual(read(['always', 'missing', ':4'], '', '--pull=a'), ['--pull=always', '--pull=missing']);
  });

  it('loses what a session refuses, what is no image’s name, and advice', () => {
    const flags = ['--detach', '-d', '--restart', '--sig-proxy', '--detach-keys', '--rm', ':4'];
    assert.deepEqual(read(flags, '', '-'), ['--detach-keys', '--rm']);
    const networks = ['bridge', 'host', 'none', 'container:x', 'shop', ':4'];
    assert.deepEqual(read(networks, '--network'), ['bridge', 'shop']);
    assert.deepEqual(read(networks, '', '--net=b'), ['--net=bridge', '--net=shop']);
    assert.deepEqual(read(['host', ':4'], '--userns'), ['host']);
    assert.deepEqual(read(['<none>:<none>', 'web:1', '_activeHelp_ hello', ':4']), ['web:1']);
  });
});

describe('Docker’s client', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tp-docker-'));
  const path = process.env.PATH;
  /** A client that says what it was given, and then does this. */
  const install = (script: string) => {
    const text = `#!/bin/sh\nprintf '%s\\n' "$@" >${directory}/arguments\n${script}\n`;
    writeFileSync(join(directory, 'docker'), text, { mode: 0o755 });
  };

  before(() => {
    process.env.PATH = `${directory}:${path}`;
  });
  after(() => {
    process.env.PATH = path;
    rmSync(directory, { recursive: true });
  });

  it('is asked for the rest of its own line', async () => {
    install(`echo 'shop net'; echo :4; echo 'Completion ended' >&2`);
    const { candidates } = await askDocker(['--rm', '--name', 'a b', '--network'], '');
    assert.deepEqual(candidates, [{ word: 'shop net', about: undefined }]);
    const given = readFileSync(join(directory, 'arguments'), 'utf8');
    assert.equal(given, '__complete\nrun\n--rm\n--name\na b\n--network\n\n');
  });

  it('that fails, or is not there, offers nothing', async () => {
    install('echo x; echo :4; exit 1');
    assert.deepEqual(await askDocker([], ''), NOTHING);
    process.env.PATH = '/nonexistent';
    assert.deepEqual(await askDocker([], ''), NOTHING);
    process.env.PATH = `${directory}:${path}`;
  });

  it('that hangs is not waited for', async () => {
    install(`echo $$ >${directory}/pid; exec sleep 60`);
    const start = performance.now();
    assert.deepEqual(await askDocker([], ''), NOTHING);
    assert.ok(performance.now() - start < ANSWER_LIMIT_MS * 2);
    process.kill(Number(readFileSync(join(directory, 'pid'), 'utf8')), 'SIGKILL');
  });
});
