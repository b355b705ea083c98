import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';

/** What the network image is built from, for one architecture. */
export interface BuildContext {
  /** Of all names and contents, hex: the same content is the same image. */
  hash: string;
  tar(): Readable;
}

/** Architectures as Docker and as Node call them. */
const ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ['amd64', 'x64'],
  ['x86_64', 'x64'],
  ['arm64', 'arm64'],
  ['aarch64', 'arm64'],
]);

/** Parts with native code are packages of one platform; the package of tp carries those of Linux. */
const NATIVE = /@koromix[/\\]koffi-linux-(\w+)[/\\]/;

/** The context for a daemon's architecture, as Docker calls it; undefined for one that nothing was built for. */
export function buildContext(directory: string, architecture: string): BuildContext | undefined {
  const node = ARCHITECTURES.get(architecture);
  if (node === undefined) return undefined;
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ name: relative(directory, path).split(sep).join('/'), path }))
    .filter(({ name }) => (NATIVE.exec(name)?.[1] ?? node) === node)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, path }) => ({ name, content: readFileSync(path) }));
  if (!files.some(({ name }) => NATIVE.test(name))) return undefined;
  const hash = createHash('sha256');
  for (const { name, content } of files) hash.update(`${name}\0${content.length}\0`).update(content);
  return {
    hash: hash.digest('hex'),
    tar() {
      const archive = pack();
      for (const { name, content } of files) archive.entry({ name }, content);
      archive.finalize();
      return Readable.from(archive);
    },
  };
}
