import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Changes, watchFailure } from '../../src/reload/changes.ts';
import { ignoredBelow } from '../../src/reload/ignored.ts';

let root: string;
let changes: Changes;
const never = new AbortController().signal;

const next = async () => (await changes.next(never)).map((path) => path.slice(root.length + 1)).sort();
const write = (name: string, text = 'x') => writeFileSync(join(root, name), text);

describe('changes', () => {
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'tp-changes-'));
    mkdirSync(join(root, 'src'));
    write('.gitignore', 'ignored\n');
    for (const name of ['a', 'b', 'src/c']) write(name);
    changes = await Changes.watch(new Map([[root, ignoredBelow(root, root)]]));
  });
  afterEach(async () => {
    await changes.close();
    rmSync(root, { recursive: true });
  });

  it('are not what was there before', async () => {
    write('b', 'changed');
    assert.deepEqual(await next(), ['b']);
  });

  it('of one burst come together', async () => {
    for (const name of ['a', 'b', 'src/c', 'src/new']) write(name, 'changed');
    assert.deepEqual(await next(), ['a', 'b', 'src/c', 'src/new']);
  });

  it('that come while nobody asks are kept for who asks next', async () => {
    write('a', 'changed');
    await next();
    write('b', 'changed');
    await new Promise((resolve) => setTimeout(resolve, 200)); // longer than a burst: nobody asked in that time
    assert.deepEqual(await next(), ['b']);
  });

  it('are seen through replacement, removal and new directories', async () => {
    write('a.new', 'changed');
    renameSync(join(root, 'a.new'), join(root, 'a'));
    assert.ok((await next()).includes('a'));
    rmSync(join(root, 'b'));
    assert.deepEqual(await next(), ['b']);
    mkdirSync(join(root, 'deep'));
    write('deep/er');
    const seen = new Set<string>();
    while (!seen.has('deep/er')) for (const path of await next()) seen.add(path);
  });

  it('of what is left out are none', async () => {
    write('ignored');
    mkdirSync(join(root, '.git'));
    write('.git/index');
    write('a', 'changed');
    assert.deepEqual(await next(), ['a']);
  });

  it('are not waited for when somebody has something else to do, and not lost by that', async () => {
    const other = new AbortController();
    const waiting = changes.next(other.signal);
    other.abort(new Error('something else'));
    await assert.rejects(waiting, /something else/);
    write('a', 'changed');
    assert.deepEqual(await next(), ['a']);
  });

  it('that cannot be watched are an error, with the way to raise the limit', () => {
    const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    const { code, hint } = watchFailure(full);
    assert.equal(code, 'TP_WATCH');
    assert.match(hint ?? '', /^sudo sysctl fs\.inotify/);
    assert.equal(watchFailure(new Error('input/output error')).hint, undefined);
  });
});
