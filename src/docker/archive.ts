import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';

/** A file of an archive. */
export interface ArchiveFile {
  name: string;
  text: string;
}

/** Writes files as a .tar.gz, its reader's alone when unpacked. Rejects with what writing throws. */
export async function writeArchive(files: readonly ArchiveFile[], out: Writable): Promise<void> {
  const archive = pack();
  for (const { name, text } of files) archive.entry({ name, mode: 0o600 }, text);
  archive.finalize();
  await pipeline(archive, createGzip(), out);
}
