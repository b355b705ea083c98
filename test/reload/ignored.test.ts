import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ignoredBelow, isWithin, topOf } from '../../src/reload/ignored.ts';

let top: string;

/** Writes files below the top, by their paths. */
function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  }
}

/** Those of `paths` that are left out; a directory ends with a slash. */
function leftOut(paths: string[], root = top, from = top): string[] {
  const isIgnored = ignoredBelow(root, from);
  return paths.filter((path) => isIgnored(join(top, path.replace(/\/$/, '')), path.endsWith('/')));
}

describe('what is left out', () => {
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'tp-ignored-'));
  });
  afterEach(() => rmSync(top, { recursive: true }));

  it('is nothing but .git and what editors leave, without ignore files', () => {
    const paths = [
      'server.js',
      'src/',
      '.git/',
      '.env',
      '.server.js.swp',
      '4913',
      '.#server.js',
      'server.js~',
    ];
    assert.deepEqual(leftOut(paths), ['.git/', '.server.js.swp', '4913', '.#server.js', 'server.js~']);
  });

  it('is what .gitignore names, a directory only where it is one', () => {
    write({ '.gitignore': 'node_modules/\n*.log\n!keep.log\n# a comment\n/dist\n' });
    assert.deepEqual(
      leftOut([
        'node_modules/',
        'node_modules/a/b.js',
        'a.log',
        'keep.log',
        'dist',
        'src/dist',
        'node_modules.js',
      ]),
      ['node_modules/', 'node_modules/a/b.js', 'a.log', 'dist'],
    );
  });

  it('is decided by the deepest .gitignore', () => {
    write({ '.gitignore': '*.json\n', 'src/.gitignore': '!tsconfig.json\nout\n' });
    assert.deepEqual(
      leftOut(['a.json', 'src/a.json', 'src/tsconfig.json', 'src/out/', 'out/', 'src/deep/tsconfig.json']),
      ['a.json', 'src/a.json', 'src/out/'],
    );
  });

  it('is what .dockerignore names, from its own directory, the last line deciding', () => {
    write({ '.dockerignore': '*\n!src\n!package.json\nsrc/*.test.js\n**/tmp\n' });
    assert.deepEqual(
      leftOut([
        'README.md',
        'src/',
        'src/a.js',
        'package.json',
        'src/a.test.js',
        'src/deep/tmp/',
        'src/deep/a.test.js',
      ]),
      ['README.md', 'src/a.test.js', 'src/deep/tmp/'],
    );
  });

  it('is not a directory in which an exception of .dockerignore may be', () => {
    write({ '.dockerignore': '*\n!src/**\n!lib/deep/a.js\n!**/keep.txt\n' });
    assert.deepEqual(leftOut(['src/', 'src/a.js', 'lib/', 'lib/a.js', 'lib/deep/a.js', 'a.js']), [
      'lib/a.js',
      'a.js',
    ]);
    write({ '.dockerignore': '*\n!src/main\n' });
    assert.deepEqual(leftOut(['src/', 'src/main/', 'src/main/a.js', 'src/test/', 'docs/']), [
      'src/test/',
      'docs/',
    ]);
  });

  it('is told by the case of its letters, as the file system does', () => {
    write({ '.gitignore': '/Server\n' });
    assert.deepEqual(leftOut(['Server', 'server/']), ['Server']);
  });

  it('is not a pattern of .dockerignore further down, as it is from the root', () => {
    write({ '.dockerignore': 'dist/\n./build\n' });
    assert.deepEqual(leftOut(['dist/', 'src/dist/', 'build/a']), ['dist/', 'build/a']);
  });

  it('is not what was asked for by name, and what is in it counts by its own files', () => {
    write({ '.gitignore': 'bin/\n', 'bin/.gitignore': '*.map\n' });
    assert.deepEqual(leftOut(['bin/', 'bin/server', 'bin/server.map'], join(top, 'bin')), ['bin/server.map']);
  });

  it('counts from the repository, else from where the command runs, else from the path', () => {
    mkdirSync(join(top, '.git'));
    assert.equal(topOf(join(top, 'a', 'b'), join(top, 'a')), top);
    rmSync(join(top, '.git'), { recursive: true });
    assert.equal(topOf(join(top, 'a', 'b'), join(top, 'a')), join(top, 'a'));
    assert.equal(topOf(join(top, 'b'), join(top, 'a')), join(top, 'b'));
  });

  it('is within a directory by whole names', () => {
    assert.deepEqual(
      [isWithin('/a', '/a'), isWithin('/a', '/a/b'), isWithin('/a', '/ab'), isWithin('/', '/a')],
      [true, true, false, true],
    );
  });
});
