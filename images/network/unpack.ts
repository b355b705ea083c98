import { createWriteStream } from 'node:fs';
import { chmod, lchown, lstat, mkdir, readdir, realpath, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { type FilesAnswer, MAX_MOUNT_BYTES, MAX_MOUNT_ENTRIES } from '../../src/tunnel/files.ts';

/** What takes a name's place: made beside it, for a rename is seen as one step. */
const COMING = '..tp-coming';

/** Every mode lets a process read that is neither owner nor of the group. */
const FOR_ALL = 0o044;

export interface UnpackOptions {
  /** Whom the pod only has for our sake: its files become root's, and everybody's to read. */
  madeUpUser?: number | undefined;
  maxBytes?: number;
  maxEntries?: number;
  /** Hears of each piece of the archive that is taken. */
  onBytes?: (count: number) => void;
}

/**
 * Makes `root` what the archive of a `files` stream holds, a directory or a single file, with modes, owners and links. What
 * is there and not in the archive goes last. A reader meanwhile sees each name as it was or as it will be. Rejects
 * with the stream's error, and for an archive beyond its bounds.
 */
export async function unpack(
  source: Readable,
  root: string,
  options: UnpackOptions = {},
): Promise<FilesAnswer> {
  const { madeUpUser, maxBytes = MAX_MOUNT_BYTES, maxEntries = MAX_MOUNT_ENTRIES, onBytes } = options;
  const archive = extract();
  const flow = pipeline(
    source,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        onBytes?.(chunk.length);
        yield chunk;
      }
    },
    archive,
  );
  flow.catch(() => {}); // the loop below throws it, too
  let answer: FilesAnswer | undefined;
  const kept = new Set<string>();
  let bytes = 0;
  let entries = 0;
  for await (const entry of archive) {
    if (!answer) {
      answer = JSON.parse(await text(entry)) as FilesAnswer;
      continue;
    }
    bytes += entry.header.size ?? 0;
    kept.add(entry.header.name.split('/', 1)[0] ?? '');
    if (bytes > maxBytes || ++entries > maxEntries) throw new Error('an archive beyond its bounds');
    await place(Readable.from(entry), asInAPod(entry.header, madeUpUser), root);
  }
  await flow;
  if (!answer) throw new Error('an archive without an answer');
  if (answer.shows === 'directory') {
    for (const name of await readdir(root))
      if (!kept.has(name)) await rm(join(root, name), { recursive: true });
  }
  return answer;
}

function asInAPod(header: Header, madeUpUser: number | undefined): Header {
  if (madeUpUser === undefined || header.uid !== madeUpUser) return header;
  return { ...header, uid: 0, mode: (header.mode ?? 0) | FOR_ALL };
}

async function place(
  entry: Readable,
  { name, type, mode, uid = 0, gid = 0, linkname }: Header,
  root: string,
) {
  const path = name === '.' ? root : join(root, name);
  // Not through a link, nor past the mount: what is in the archive is somebody else's word.
  const parent = dirname(path);
  if (name.split('/').includes('..') || (await realpath(parent)) !== parent)
    throw new Error(`a name to refuse: ${name}`);
  if (type === 'directory') {
    entry.resume();
    const there = await lstat(path).catch(() => undefined);
    if (there && !there.isDirectory()) await rm(path);
    await mkdir(path, { recursive: true });
    return await own(path, uid, gid, mode);
  }
  const coming = join(parent, COMING);
  await rm(coming, { recursive: true, force: true });
  if (type === 'symlink') {
    entry.resume();
    await symlink(linkname ?? '', coming);
    await own(coming, uid, gid, undefined);
  } else {
    await pipeline(entry, createWriteStream(coming, { flags: 'wx', mode: 0o600 }));
    await own(coming, uid, gid, mode);
  }
  const there = await lstat(path).catch(() => undefined);
  if (there?.isDirectory()) await rm(path, { recursive: true });
  await rename(coming, path);
}

/** The owner first: a change of owner takes the set-user-id bits away. */
async function own(path: string, uid: number, gid: number, mode: number | undefined): Promise<void> {
  await lchown(path, uid, gid);
  if (mode !== undefined) await chmod(path, mode);
}
