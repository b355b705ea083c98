import { constants, createReadStream, type Stats } from 'node:fs';
import { access, lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Header, type Pack, pack } from 'tar-stream';
import { ResetCode } from '../../src/tunnel/errors.ts';
import { type FilesAnswer, MAX_MOUNT_BYTES, MAX_MOUNT_ENTRIES } from '../../src/tunnel/files.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';

/** How often a mount is looked at for a change (ms): it costs one readlink. */
const LOOK_MS = 250;

/** The kubelet's name for the version of a volume that counts (k8s.io/kubernetes/pkg/volume/util/atomic_writer.go). */
const DATA = '..data';

/** Something of a mount, as it goes into the archive. */
export interface Entry {
  /** Below the mount, `.` for itself. */
  name: string;
  path: string;
  stats: Stats;
  linkname?: string;
}

/**
 * Answers with what is mounted at `path`, once it is not the version `after` any more: a tar archive, whose first entry
 * is the FilesAnswer. The stream is reset, with words for a person, where that cannot be.
 */
export async function serveFiles(
  stream: TunnelStream,
  path: string,
  after: string | undefined,
): Promise<void> {
  stream.accept();
  const gone = new AbortController();
  stream.on('error', () => {}).once('close', () => gone.abort());
  stream.resume(); // nothing comes that way, but its end
  try {
    let version = await versionOf(path);
    while (after !== undefined && version === after) {
      await sleep(LOOK_MS, undefined, { signal: gone.signal });
      version = await versionOf(path);
    }
    const left: string[] = [];
    const entries = await entriesOf(path, left);
    const shows = entries[0] ? (entries[0].stats.isDirectory() ? 'directory' : 'file') : 'nothing';
    const archive = pack();
    const packed = packAll(archive, { version, shows, left }, entries);
    packed.catch((error: Error) => archive.destroy(error));
    await Promise.all([packed, pipeline(archive, stream)]);
  } catch (error) {
    if (!stream.destroyed) stream.reset(ResetCode.internal, (error as Error).message);
  }
}

/** Which version of its files a volume shows; the empty string for those that the kubelet does not keep by versions. */
async function versionOf(path: string): Promise<string> {
  return await readlink(join(path, DATA)).catch(() => '');
}

/** The mount itself, then what is in it: a version's files before the link to it, and the links into that last. */
async function entriesOf(root: string, left: string[]): Promise<Entry[]> {
  const mounted = await mountPoints();
  const entries: Entry[] = [];
  let bytes = 0;
  const visit = async (path: string, name: string): Promise<void> => {
    const stats = await lstat(path);
    if (stats.isSymbolicLink()) {
      entries.push({ name, path, stats, linkname: await readlink(path) });
    } else if (stats.isDirectory() || stats.isFile()) {
      if (!(await readable(path, stats))) return void left.push(name);
      entries.push({ name, path, stats });
      bytes += stats.isFile() ? stats.size : 0;
    } // a socket, a pipe or a device belongs to processes of the pod
    if (bytes > MAX_MOUNT_BYTES) throw new Error(`it holds more than ${MAX_MOUNT_BYTES / 1024 ** 2} MiB`);
    if (entries.length > MAX_MOUNT_ENTRIES) throw new Error(`it holds more than ${MAX_MOUNT_ENTRIES} files`);
    if (!stats.isDirectory()) return;
    for (const each of (await readdir(path)).sort(versionsFirst)) {
      const below = join(path, each);
      if (!mounted.has(below)) await visit(below, name === '.' ? each : `${name}/${each}`);
    }
  };
  await visit(await realpath(root), '.');
  return entries;
}

const rank = (name: string): number => (name === DATA ? 1 : name.startsWith('..') ? 0 : 2);
const versionsFirst = (a: string, b: string): number => rank(a) - rank(b) || (a < b ? -1 : 1);

export async function readable(path: string, stats: Stats): Promise<boolean> {
  const mode = stats.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK;
  return await access(path, mode).then(
    () => true,
    () => false,
  );
}

/** Where something is mounted: it is a mount of its own, and not part of the one that it lies in (proc_pid_mountinfo(5)). */
export async function mountPoints(): Promise<Set<string>> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).trim().split('\n');
  const unescaped = (text: string) =>
    text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return new Set(lines.map((line) => unescaped(line.split(' ')[4] ?? '')));
}

async function packAll(archive: Pack, answer: FilesAnswer, entries: readonly Entry[]): Promise<void> {
  archive.entry({ name: 'answer' }, JSON.stringify(answer));
  for (const entry of entries) await packEntry(archive, entry);
  archive.finalize();
}

/** Puts one entry into an archive, no faster than that is read. */
export async function packEntry(archive: Pack, { name, path, stats, linkname }: Entry): Promise<void> {
  const { uid, gid, mtime } = stats;
  const header: Partial<Header> & { name: string } = {
    name,
    uid,
    gid,
    mtime,
    mode: stats.mode & 0o7777,
    type: 'directory',
  };
  if (linkname !== undefined) archive.entry({ ...header, type: 'symlink', linkname });
  else if (stats.isDirectory()) archive.entry(header);
  else if (stats.size === 0) archive.entry({ ...header, type: 'file' }, '');
  else {
    const entry = archive.entry({ ...header, type: 'file', size: stats.size });
    // One that grows meanwhile is taken as it was.
    await pipeline(createReadStream(path, { end: stats.size - 1 }), entry);
  }
}
