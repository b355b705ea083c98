/** Builds dist/: the CLI, the proxy's bundle, and the content of the network image. */
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type BuildOptions, build, type Plugin } from 'esbuild';

const common: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  legalComments: 'none',
  logLevel: 'warning',
};

const require = createRequire(import.meta.url);

/** Parts of dockerode that hardly any command uses and that are slow to load: SSH, and BuildKit's sessions. */
const LAZY: Readonly<Record<string, string>> = {
  './ssh': require.resolve('docker-modem/lib/ssh.js'),
  './session': require.resolve('dockerode/lib/session.js'),
};

/** Loads each of those when its one function is first called. */
const lazily: Plugin = {
  name: 'lazily',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/(ssh|session)$/ }, ({ path, importer }) =>
      /docker(ode|-modem)\/lib\//.test(importer)
        ? { path: LAZY[path] ?? path, namespace: 'lazy' }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      contents: `module.exports = (...args) => require(${JSON.stringify(path)})(...args);`,
      resolveDir: import.meta.dirname,
    }));
  },
};

/** CommonJS dependencies ask for Node's modules by `require`, and for their own place. */
const COMMONJS = [
  "import { createRequire as tpRequire } from 'node:module';",
  'const require = tpRequire(import.meta.url), __dirname = import.meta.dirname;',
].join('\n');

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
      js: `#!/usr/bin/env node
${COMMONJS}`,
    },
    plugins: [lazily],
    external: ['cpu-features', './crypto/build/Release/sshcrypto.node'],
  }),
  build({
    ...common,
    entryPoints: { proxy: 'images/proxy/main.ts' },
    outdir: 'dist',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    minify: true,
    banner: { js: COMMONJS },
  }),
  build({
    ...common,
    entryPoints: { agent: 'images/network/agent.ts', bridge: 'images/network/bridge.ts' },
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
cpSync('node_modules/@koromix', 'dist/network/node_modules/@koromix', { recursive: true });
