import assert from 'node:assert/strict';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { pack } from 'tar-stream';
import { unpack } from '../../images/network/unpack.ts';
import { serveCopy } from '../../images/proxy/copy.ts';
import { serveFiles } from '../../images/proxy/files.ts';
import { type FilesAnswer, MAX_MOUNT_BYTES, MAX_MOUNT_ENTRIES } from '../../src/tunnel/files.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';

/** A tunnel's stream as the proxy has it; what it sends can be read. */
class Answering extends PassThrough {
  words = '';
  accept(): void {}
  reset(_code: number, words: string): void {
    this.words = words;
    this.destroy(new Error(words));
  }
}

let directory: string;
let pod: string;
let copy: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tp-files-'));
  pod = join(directory, 'pod');
  copy = join(directory, 'copy');
  await mkdir(pod);
});
afterEach(() => rm(directory, { recursive: true }));

/** A version of a volume, as the kubelet writes one. */
async function publish(version: string, files: Record<string, string>): Promise<void> {
  await mkdir(join(pod, version));
  for (const [name, text] of Object.entries(files)) await writeFile(join(pod, version, name), text);
  await symlink(version, join(pod, '..data_tmp'));
  await rename(join(pod, '..data_tmp'), join(pod, '..data'));
  for (const name of await readdir(pod)) {
    if (name.startsWith('..') ? name !== version && name !== '..data' : !(name in files))
      await rm(join(pod, name), { recursive: true });
  }
  for (const name of Object.keys(files)) await symlink(`..data/${name}`, join(pod, name)).catch(() => {});
}

async function bring(path = pod, after?: string): Promise<FilesAnswer> {
  const stream = new Answering();
  const [answer] = await Promise.all([
    unpack(stream, copy),
    serveFiles(stream as unknown as TunnelStream, path, after),
  ]);
  return answer;
}

describe('the files of a mount', () => {
  it('come with modes and links', async () => {
    await mkdir(join(pod, 'deep'));
    await writeFile(join(pod, 'deep/file'), 'text');
    await writeFile(join(pod, 'none'), '');
    await chmod(join(pod, 'deep/file'), 0o4750);
    await chmod(join(pod, 'deep'), 0o2711);
    await symlink('deep/file', join(pod, 'link'));
    assert.deepEqual(await bring(), { version: '', shows: 'directory', left: [] });
    assert.deepEqual(await readdir(copy, { recursive: true }), ['deep', 'link', 'none', 'deep/file']);
    assert.equal(await readFile(join(copy, 'deep/file'), 'utf8'), 'text');
    assert.equal(await readlink(join(copy, 'link')), 'deep/file');
    assert.equal((await lstat(join(copy, 'deep'))).mode & 0o7777, 0o2711);
    assert.equal((await lstat(join(copy, 'deep/file'))).mode & 0o7777, 0o4750);
  });

  it('are a single file where one is mounted', async () => {
    await writeFile(join(pod, 'file'), 'alone');
    assert.equal((await bring(join(pod, 'file'))).shows, 'file');
    assert.equal(await readFile(copy, 'utf8'), 'alone');
  });

  it('come again when the kubelet shows another version, and the old one goes', async () => {
    await publish('..1', { a: 'one', b: 'one' });
    assert.equal((await bring()).version, '..1');
    const next = bring(pod, '..1');
    await publish('..2', { b: 'two', c: 'two' });
    assert.equal((await next).version, '..2');
    assert.deepEqual((await readdir(copy)).sort(), ['..2', '..data', 'b', 'c']);
    assert.equal(await readFile(join(copy, 'b'), 'utf8'), 'two');
  });

  it('end with the stream while they are waited for', async () => {
    await publish('..1', { a: 'one' });
    const stream = new Answering();
    const served = serveFiles(stream as unknown as TunnelStream, pod, '..1');
    stream.destroy();
    await served;
  });

  it('are left out where they are neither file, directory nor link', async () => {
    const { createServer } = await import('node:net');
    const server = createServer().listen(join(pod, 'socket'));
    await once(server, 'listening');
    await bring();
    server.close();
    assert.deepEqual(await readdir(copy), []);
  });

  it('are refused beyond their bounds', async () => {
    const file = join(pod, 'large');
    await writeFile(file, '');
    const { truncate } = await import('node:fs/promises');
    await truncate(file, MAX_MOUNT_BYTES + 1);
    await assert.rejects(bring(), { message: 'it holds more than 64 MiB' });
    await rm(file);
    for (let at = 0; at < MAX_MOUNT_ENTRIES; at++) symlinkSync('x', join(pod, `${at}`));
    await assert.rejects(bring(), { message: 'it holds more than 10000 files' });
  });

  it('cannot be had where nothing is', async () => {
    await assert.rejects(bring(join(pod, 'nowhere')), /ENOENT/);
  });
});

describe('a volume that is copied', () => {
  const copied = async (maxBytes: number, onBytes?: (count: number) => void): Promise<FilesAnswer> => {
    const stream = new Answering();
    const [answer] = await Promise.all([
      unpack(stream, copy, { maxBytes, maxEntries: 1_000_000, ...(onBytes && { onBytes }) }),
      serveCopy(stream as unknown as TunnelStream, pod, maxBytes),
    ]);
    return answer;
  };

  it('comes with modes and links, however many there are, and says how far it is', async () => {
    const many = MAX_MOUNT_ENTRIES + 1;
    for (let at = 0; at < many; at++) symlinkSync('x', join(pod, `${at}`));
    await mkdir(join(pod, 'deep'), { mode: 0o750 });
    const long = 'l'.repeat(150);
    await writeFile(join(pod, 'deep', long), 'text', { mode: 0o640 });
    let bytes = 0;
    const answer = await copied(1024, (count) => {
      bytes += count;
    });
    assert.deepEqual(answer, { version: '', shows: 'directory', left: [], more: 0 });
    assert.equal((await readdir(copy)).length, many + 1);
    assert.equal((await lstat(join(copy, 'deep'))).mode & 0o7777, 0o750);
    assert.equal((await lstat(join(copy, 'deep', long))).mode & 0o7777, 0o640);
    assert.equal(await readFile(join(copy, 'deep', long), 'utf8'), 'text');
    assert.ok(bytes > many * 512);
  });

  it('is refused beyond its bound, before anything of it is sent', async () => {
    await writeFile(join(pod, 'small'), 'x'.repeat(1000));
    await writeFile(join(pod, 'large'), 'x'.repeat(1000));
    await assert.rejects(copied(1999), { message: 'it holds more than 2 KiB' });
    assert.deepEqual(await readdir(directory), ['pod']);
    assert.equal((await copied(2000)).shows, 'directory');
  });

  it('is not read faster than it is taken', async () => {
    for (let at = 0; at < 5_000; at++) symlinkSync('x', join(pod, `${at}`));
    await writeFile(join(pod, 'large'), Buffer.alloc(4 * 1024 * 1024));
    const stream = new Answering({ highWaterMark: 1024 });
    stream.resume = () => stream; // nobody reads
    const served = serveCopy(stream as unknown as TunnelStream, pod, MAX_MOUNT_BYTES);
    while (stream.writableNeedDrain === false) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 200)); // time for what ought not to happen
    assert.ok(stream.readableLength + stream.writableLength < 128 * 1024, `${stream.writableLength}`);
    stream.destroy();
    await served;
  });

  it('is a single file where one is mounted', async () => {
    await rm(pod, { recursive: true });
    await writeFile(pod, 'alone');
    assert.equal((await copied(100)).shows, 'file');
    assert.equal(await readFile(copy, 'utf8'), 'alone');
  });
});

describe('an archive of somebody else', () => {
  const ANSWER = JSON.stringify({ version: '', shows: 'directory', left: [] });
  for (const [what, fill] of Object.entries({
    'a name that leads out': (archive: ReturnType<typeof pack>) => archive.entry({ name: '../out' }, 'x'),
    'a name through a link': (archive: ReturnType<typeof pack>) => {
      archive.entry({ name: 'link', type: 'symlink', linkname: '/tmp' });
      archive.entry({ name: 'link/out' }, 'x');
    },
  })) {
    it(`writes nowhere else: ${what}`, async () => {
      const archive = pack();
      archive.entry({ name: 'answer' }, ANSWER);
      archive.entry({ name: '.', type: 'directory', mode: 0o755 });
      fill(archive);
      archive.finalize();
      const source = new PassThrough();
      archive.pipe(source);
      await assert.rejects(unpack(source, copy), { message: /^a name to refuse: / });
      assert.ok(!(await readdir(directory)).includes('out'));
    });
  }

  it('is refused without an answer, and where it is none', async () => {
    const archive = pack();
    archive.finalize();
    const source = new PassThrough();
    archive.pipe(source);
    await assert.rejects(unpack(source, copy), { message: 'an archive without an answer' });
    await assert.rejects(unpack(new PassThrough().end(Buffer.alloc(2048, 'x')), copy));
  });
});
