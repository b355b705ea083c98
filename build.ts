/** Builds dist/: the CLI, the proxy's bundle, and the content of the network image. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';
import { extract } from 'tar-stream';
import { LAZY_ENTRIES, lazily, modelsAsText, required, shaken } from './bundle-plugins.ts';

const common: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  legalComments: 'none',
  logLevel: 'warning',
};

/** CommonJS dependencies ask for Node's modules by `require`, and for their own place. */
const COMMONJS = [
  "import { createRequire as tpRequire } from 'node:module';",
  'const require = tpRequire(import.meta.url), __dirname = import.meta.dirname;',
].join('\n');

interface Lock {
  packages: Record<string, { version: string; integrity: string }>;
}

/**
 * Where a package lies that npm leaves out on this platform: fetched once by npm, in the version and with the checksum
 * of the lockfile.
 */
async function platformPackage(name: string): Promise<string> {
  const installed = `node_modules/${name}`;
  if (existsSync(installed)) return installed;
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
  const locked = packages[installed];
  if (!locked) throw new Error(`${name} is not in package-lock.json`);
  const cache = `node_modules/.cache/tp/${name}@${locked.version}`;
  if (existsSync(cache)) return cache;
  const directory = mkdtempSync(join(tmpdir(), 'tp-build-'));
  try {
    const args = ['pack', '--silent', '--pack-destination', directory, `${name}@${locked.version}`];
    const file = join(directory, execFileSync('npm', args, { encoding: 'utf8' }).trim());
    const [algorithm = '', digest] = locked.integrity.split(/-(.*)/s);
    const found = createHash(algorithm).update(readFileSync(file)).digest('base64');
    if (found !== digest) throw new Error(`${name}@${locked.version} is not what package-lock.json says`);
    const unpacked = join(directory, 'package');
    await pipeline(createReadStream(file), createGunzip(), unpack(directory));
    mkdirSync(dirname(cache), { recursive: true });
    cpSync(unpacked, cache, { recursive: true });
  } finally {
    rmSync(directory, { recursive: true });
  }
  return cache;
}

/** Writes the files of a tar archive under a directory. */
function unpack(directory: string): ReturnType<typeof extract> {
  const archive = extract();
  archive.on('entry', (header, content, next) => {
    const path = join(directory, header.name);
    mkdirSync(dirname(path), { recursive: true });
    content.pipe(createWriteStream(path)).on('finish', next).on('error', next);
  });
  return archive;
}

rmSync('dist', { recursive: true, force: true });

await Promise.all([
  build({
    ...common,
    entryPoints: { tp: 'src/cli.ts' },
    outdir: 'dist',
    format: 'esm',
    splitting: true, // what a command does not need is not loaded
    outExtension: { '.js': '.mjs' },
    chunkNames: 'tp-[name]-[hash]',
    banner: {
      // Without `--` Node takes some of the container's words, such as --env-file, for its own (nodejs/node#54232).
      js: `#!/usr/bin/env -S node --
${COMMONJS}`,
    },
    plugins: [lazily, required, modelsAsText, shaken],
    // Half the text to read; names stay, for the stack of an error that is a bug.
    minifySyntax: true,
    minifyWhitespace: true,
  }),
  build({
    ...common,
    entryPoints: { ...LAZY_ENTRIES },
    outdir: 'dist',
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    external: ['cpu-features', './crypto/build/Release/sshcrypto.node'],
  }),
  build({
    ...common,
    entryPoints: { proxy: 'images/proxy/main.ts', guardian: 'images/guardian/main.ts' },
    outdir: 'dist',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    minify: true,
    banner: { js: COMMONJS },
    plugins: [required],
  }),
  build({
    ...common,
    entryPoints: {
      agent: 'images/network/agent.ts',
      bridge: 'images/network/bridge.ts',
      features: 'images/network/features.ts',
    },
    outdir: 'dist/network',
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    external: ['koffi'],
  }),
]);

cpSync('images/network/Dockerfile', 'dist/network/Dockerfile');
cpSync('src/completion/scripts', 'dist/completion', { recursive: true });
// Only what koffi needs at run time, of the platform that the image has.
const koffi = 'dist/network/node_modules/koffi';
mkdirSync(`${koffi}/src/koffi/src`, { recursive: true });
for (const file of [
  'package.json',
  'index.cjs',
  'LICENSE.txt',
  'src/koffi/index.cjs',
  'src/koffi/src/static.cjs',
]) {
  cpSync(`node_modules/koffi/${file}`, `${koffi}/${file}`);
}
// The image is Linux's, on either architecture, wherever this is built.
for (const architecture of ['x64', 'arm64']) {
  const name = `@koromix/koffi-linux-${architecture}`;
  cpSync(await platformPackage(name), `dist/network/node_modules/${name}`, { recursive: true });
}
