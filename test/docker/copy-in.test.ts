import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type Dockerode from 'dockerode';
import { extract, type Header } from 'tar-stream';
import { allOf, copyIn } from '../../src/docker/copy-in.ts';

let source: string;

interface Entry {
  header: Header;
  content: string;
}

/** A container that keeps what is put into it. */
function container() {
  const entries: Entry[] = [];
  const putArchive = async (archive: NodeJS.ReadableStream, { path }: { path: string }) => {
    assert.equal(path, '/');
    const unpacking = extract();
    unpacking.on('entry', (header, stream, next) => {
      let content = '';
      stream.on('data', (chunk) => {
        content += chunk;
      });
      stream.on('end', () => {
        entries.push({ header, content });
        next();
      });
    });
    archive.pipe(unpacking);
    await new Promise<void>((resolve, reject) => unpacking.on('finish', () => resolve()).on('error', reject));
  };
  return { entries, container: { putArchive } as unknown as Dockerode.Container };
}

describe('copying into a container', () => {
  beforeEach(() => {
    source = mkdtempSync(join(tmpdir(), 'tp-copy-'));
    mkdirSync(join(source, 'deep'));
    writeFileSync(join(source, 'deep/a.txt'), 'text', { mode: 0o640 });
    writeFileSync(join(source, 'empty'), '');
    symlinkSync('deep/a.txt', join(source, 'link'));
  });
  afterEach(() => rmSync(source, { recursive: true }));

  it('brings directories, files and links, to where their copy is', async () => {
    const { entries, container: target } = container();
    await copyIn(
      target,
      { source, target: '/app' },
      allOf(source, (path) => path.endsWith('empty')),
    );
    const found = entries.map(({ header: { name, type, linkname }, content }) => [
      name,
      type,
      linkname,
      content,
    ]);
    assert.deepEqual(found, [
      ['app', 'directory', null, ''],
      ['app/deep', 'directory', null, ''],
      ['app/deep/a.txt', 'file', null, 'text'],
      ['app/link', 'symlink', 'deep/a.txt', ''],
    ]);
    assert.equal(entries[2]?.header.mode, 0o640);
  });

  it('keeps times to the fraction of a second, and empty files', async () => {
    utimesSync(join(source, 'empty'), 1_700_000_000.25, 1_700_000_000.25);
    const { entries, container: target } = container();
    await copyIn(target, { source, target: '/app' }, [join(source, 'empty')]);
    const [entry] = entries;
    assert.equal(entry?.header.name, 'app/empty');
    assert.equal((entry.header.pax as Record<string, string>).mtime, '1700000000.250000');
  });

  it('takes one file to the one place', async () => {
    const file = join(source, 'deep/a.txt');
    const { entries, container: target } = container();
    await copyIn(target, { source: file, target: '/etc/a.conf' }, [file]);
    assert.equal(entries[0]?.header.name, 'etc/a.conf');
  });

  it('says where it failed', async () => {
    const refusing = { putArchive: () => Promise.reject(new Error('read-only')) };
    await assert.rejects(
      copyIn(refusing as unknown as Dockerode.Container, { source, target: '/app' }, [source]),
      /cannot be copied to \/app: read-only/,
    );
  });
});
