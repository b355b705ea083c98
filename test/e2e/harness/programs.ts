import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { show } from './cluster.ts';

/** Programs of test/e2e/programs as binaries that want little or nothing of their surroundings. */

const run = promisify(execFile);
const PROGRAMS = join(import.meta.dirname, '..', 'programs');

/** Builds one in Go, without libc: it has Go's own resolver. */
export async function buildGo(source: string, out: string): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0', GO111MODULE: 'off' };
  await run('go', ['build', '-o', out, join(PROGRAMS, source)], { env });
}

/** Builds one in C, against musl, which is installed where it is missing. */
export async function buildMusl(source: string, out: string, ...flags: string[]): Promise<void> {
  const missing = Object.entries({ 'musl-tools': '/usr/bin/musl-gcc', gcc: '/usr/bin/gcc' })
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name);
  if (missing.length > 0)
    await show('apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing);
  await run('musl-gcc', [...flags, '-o', out, join(PROGRAMS, source)]);
}
