/** What of the CLI's dependencies is loaded when: every megabyte of text costs each command some ten milliseconds. */
import { createRequire } from 'node:module';
import type { Plugin } from 'esbuild';

const require = createRequire(import.meta.url);

/**
 * Parts of dependencies that hardly any command uses, each to be a file of its own: SSH, BuildKit's sessions, and the
 * HTTP client of the Kubernetes library, in whose place there is ours.
 */
export const LAZY_ENTRIES: Readonly<Record<string, string>> = {
  'tp-ssh': require.resolve('docker-modem/lib/ssh.js'),
  'tp-docker-session': require.resolve('dockerode/lib/session.js'),
  'tp-undici': require.resolve('undici'),
};

/** What stands in their place: it loads them when it is first called. */
const STUBS: readonly { path: RegExp; importer: RegExp; contents: string }[] = [
  {
    path: /^\.\/ssh$/,
    importer: /docker-modem\/lib\//,
    contents: `module.exports = (...args) => require('./tp-ssh.cjs')(...args);`,
  },
  {
    path: /^\.\/session$/,
    importer: /dockerode\/lib\//,
    contents: `module.exports = (...args) => require('./tp-docker-session.cjs')(...args);`,
  },
  {
    path: /^undici$/,
    importer: /@kubernetes\/client-node\/dist\//,
    contents: `
      const load = () => require('./tp-undici.cjs');
      export const fetch = (...args) => load().fetch(...args);
      export function Agent(...args) { return new (load().Agent)(...args); }
      export function ProxyAgent(...args) { return new (load().ProxyAgent)(...args); }`,
  },
];

/** Puts the stubs in their places. */
export const lazily: Plugin = {
  name: 'lazily',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(\.\/ssh|\.\/session|undici)$/ }, ({ path, importer }) => {
      const stub = STUBS.findIndex((each) => each.path.test(path) && each.importer.test(importer));
      return stub < 0 ? undefined : { path: `${stub}`, namespace: 'lazy', sideEffects: false };
    });
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      contents: STUBS[Number(path)]?.contents ?? '',
    }));
    // Beside the bundle, at run time.
    onResolve({ filter: /^\.\/tp-.*\.cjs$/, namespace: 'lazy' }, ({ path }) => ({ path, external: true }));
  },
};

/** Leaves out of the Kubernetes library what nobody imports: its package does not say that loading it does nothing else. */
export const shaken: Plugin = {
  name: 'shaken',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^@kubernetes\/client-node$|^\.{1,2}\// }, async ({ path, pluginData, ...from }) => {
      const inside = /@kubernetes\/client-node\/dist\//.test(from.importer);
      if (pluginData === shaken.name || !(inside || path === '@kubernetes/client-node')) return undefined;
      const resolved = await resolve(path, { ...from, pluginData: shaken.name });
      return { ...resolved, sideEffects: false };
    });
  },
};
