import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type Dockerode from 'dockerode';
import { type Pack, pack } from 'tar-stream';
import { TpError } from '../errors.ts';
import type { IsIgnored } from '../reload/ignored.ts';
import type { SyncedPath } from '../reload/request.ts';
import { ExecStream } from './exec-stream.ts';

/** Everything of a source that is not left out, the source itself included. */
export async function* allOf(source: string, isIgnored: IsIgnored): AsyncGenerator<string> {
  const isDirectory = (await lstat(source)).isDirectory();
  if (isIgnored(source, isDirectory)) return;
  yield source;
  if (!isDirectory) return;
  for (const name of await readdir(source)) yield* allOf(join(source, name), isIgnored);
}

/**
 * Brings paths of the host to where the container has its copy: files, directories and links as they are, with their
 * modes and owners, as a bind mount would show them. What is not there any more is removed. Throws TpError.
 */
export async function copyIn(
  container: Dockerode.Container,
  { source, target }: SyncedPath,
  paths: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  const place = (path: string) => posix.join(target, relative(source, path).split(sep).join('/'));
  const archive = pack();
  const removed: string[] = [];
  const packed = packAll(archive, paths, place, removed);
  packed.catch((error: Error) => archive.destroy(error));
  try {
    await Promise.all([packed, container.putArchive(Readable.from(archive), { path: '/' })]);
  } catch (cause) {
    archive.destroy(); // whoever still packs is told
    const message = (cause as Error).message;
    throw new TpError('TP_SYNC', `${source} cannot be copied to ${target}: ${message}`, { cause });
  }
  if (removed.length > 0) await remove(container, removed);
}

async function packAll(
  archive: Pack,
  paths: Iterable<string> | AsyncIterable<string>,
  place: (path: string) => string,
  removed: string[],
): Promise<void> {
  for await (const path of paths) {
    const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    });
    if (!stats) {
      removed.push(place(path));
      continue;
    }
    const { mode, uid, gid, mtimeMs, size } = stats;
    // To the microsecond: by whole seconds a program that compares times would miss the second of two quick changes.
    // Owners too, for the plain header has no room for large ones.
    const pax = { mtime: (mtimeMs / 1000).toFixed(6), uid: `${uid}`, gid: `${gid}` };
    const header = { name: place(path).slice(1), mode: mode & 0o7777, uid, gid, pax };
    if (stats.isDirectory()) archive.entry({ ...header, type: 'directory' });
    else if (stats.isSymbolicLink()) {
      archive.entry({ ...header, type: 'symlink', linkname: await readlink(path) });
    } else if (stats.isFile()) {
      // As many bytes as the header says: one that grows meanwhile is copied again by its next change.
      if (size === 0) archive.entry(header, '');
      else await pipeline(createReadStream(path, { end: size - 1 }), archive.entry({ ...header, size }));
    }
  }
  archive.finalize();
}

/** By the container's own `rm`, for Docker's archives cannot take anything away. */
async function remove(container: Dockerode.Container, paths: readonly string[]): Promise<void> {
  const failed = (why: string) =>
    new TpError('TP_SYNC', `${paths.join(', ')} cannot be removed from the container: ${why}`);
  const stream = await ExecStream.start(container, ['rm', '-rf', '--', ...paths]).catch((error: Error) => {
    throw failed(error.message); // it does not run
  });
  let said = '';
  stream.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8'); // Docker's own words, where there is no such program
  });
  stream.end();
  await new Promise((resolve) => stream.on('close', resolve).on('error', () => {}));
  if ((await stream.exitCode()) === 0) return;
  throw failed((stream.stderr || said).trim());
}
