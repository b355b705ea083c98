import type { Stats } from 'node:fs';
import { lstat, opendir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import { ResetCode } from '../../src/tunnel/errors.ts';
import { bytesText, type FilesAnswer, MAX_COPY_ENTRIES, MAX_COPY_LEFT } from '../../src/tunnel/files.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { type Entry, mountPoints, packEntry, readable } from './files.ts';

/** Two empty records. */
const END_OF_ARCHIVE = Buffer.alloc(1024);

/**
 * Answers with all of a volume, as serveFiles does with a small one: it is gone through once to see whether it holds more
 * than `maxBytes`, then once more to be sent, and never kept as a whole. What comes and goes meanwhile is as it is found.
 */
export async function serveCopy(stream: TunnelStream, path: string, maxBytes: number): Promise<void> {
  stream.accept();
  const gone = new AbortController();
  stream.on('error', () => {}).once('close', () => gone.abort());
  stream.resume(); // nothing comes that way, but its end
  try {
    const root = await realpath(path);
    const left: string[] = [];
    let leftOut = 0;
    const onLeft = (name: string) => {
      if (leftOut++ < MAX_COPY_LEFT) left.push(name);
    };
    let shows: FilesAnswer['shows'] = 'nothing';
    for await (const { name, stats } of walk(root, maxBytes, onLeft)) {
      gone.signal.throwIfAborted();
      if (name === '.') shows = stats.isDirectory() ? 'directory' : 'file';
    }
    const answer: FilesAnswer = { version: '', shows, left, more: leftOut - left.length };
    await pipeline(
      archiveOf(
        answer,
        walk(root, maxBytes, () => {}),
      ),
      stream,
    );
  } catch (error) {
    if (!stream.destroyed) stream.reset(ResetCode.internal, (error as Error).message);
  }
}

/** What is below `root`, itself first. Throws for more than `maxBytes`. */
async function* walk(
  root: string,
  maxBytes: number,
  onLeft: (name: string) => void,
): AsyncGenerator<Entry, void, void> {
  const mounted = await mountPoints();
  let bytes = 0;
  let count = 0;
  const visit = async function* (path: string, name: string): AsyncGenerator<Entry, void, void> {
    const stats = await stillThere(lstat(path));
    if (!stats) return;
    if (stats.isSymbolicLink()) {
      const linkname = await stillThere(readlink(path));
      if (linkname !== undefined) yield counted({ name, path, stats, linkname });
    } else if (stats.isDirectory() || stats.isFile()) {
      if (!(await readable(path, stats))) return onLeft(name);
      yield counted({ name, path, stats });
    } // a socket, a pipe or a device belongs to processes of the pod
    if (!stats.isDirectory()) return;
    const directory = await stillThere(opendir(path));
    for await (const { name: each } of directory ?? []) {
      const below = join(path, each);
      if (!mounted.has(below)) yield* visit(below, name === '.' ? each : `${name}/${each}`);
    }
  };
  const counted = (entry: Entry): Entry => {
    bytes += entry.stats.isFile() ? entry.stats.size : 0;
    if (bytes > maxBytes) throw new Error(`it holds more than ${bytesText(maxBytes)}`);
    if (++count > MAX_COPY_ENTRIES) throw new Error(`it holds more than ${MAX_COPY_ENTRIES} files`);
    return entry;
  };
  yield* visit(root, '.');
}

/** What is asked of a file system; undefined where the file has gone meanwhile. */
async function stillThere<T extends Stats | object | string>(asked: Promise<T>): Promise<T | undefined> {
  return await asked.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** The archive of all entries, made as it is read: a directory's or link's header would else not wait for anybody. */
async function* archiveOf(answer: FilesAnswer, entries: AsyncIterable<Entry>): AsyncGenerator<Buffer> {
  yield* alone(async (archive) => void archive.entry({ name: 'answer' }, JSON.stringify(answer)));
  for await (const entry of entries) yield* alone((archive) => packEntry(archive, entry));
  yield END_OF_ARCHIVE;
}

/** What `fill` puts into an archive, without that one's end. */
async function* alone(fill: (archive: Pack) => Promise<void>): AsyncGenerator<Buffer> {
  const archive = pack();
  fill(archive).then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  let held: Buffer | undefined;
  for await (const chunk of archive) {
    if (held) yield held;
    held = chunk as Buffer;
  } // what is held now is the end
}
