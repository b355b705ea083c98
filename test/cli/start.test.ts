import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const CLI = join(import.meta.dirname, '../../src/cli.ts');

/** Runs tp with another home; gives its exit code and stderr. */
function tp(home: string, env: NodeJS.ProcessEnv, ...args: string[]) {
  const { NODE_COMPILE_CACHE: _other, XDG_CACHE_HOME: _theirs, ...rest } = process.env;
  const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    env: { ...rest, HOME: home, ...env },
    encoding: 'utf8',
  });
  return { status, stderr };
}

describe('a start of tp', () => {
  it('keeps what was compiled in the cache of its user, and needs none', () => {
    const home = mkdtempSync(join(tmpdir(), 'tp-start-'));
    try {
      assert.deepEqual(tp(home, {}, '--version'), { status: 0, stderr: '' });
      assert.equal(readdirSync(join(home, '.cache/tp')).length, 1);
      const elsewhere = join(home, 'elsewhere');
      assert.deepEqual(tp(home, { XDG_CACHE_HOME: elsewhere }, '--version'), { status: 0, stderr: '' });
      assert.deepEqual(readdirSync(elsewhere), ['tp']);
      writeFileSync(join(home, 'file'), '');
      const nowhere = join(home, 'nowhere');
      assert.deepEqual(tp(nowhere, {}, '--version'), { status: 0, stderr: '' });
      assert.equal(existsSync(nowhere), false, 'no home is made for who has none');
      const unusable = { XDG_CACHE_HOME: join(home, 'file') };
      assert.deepEqual(tp(home, unusable, '--version'), { status: 0, stderr: '' });
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});
