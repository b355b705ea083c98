/** What of the CLI's dependencies is loaded when: every megabyte of text costs each command some ten milliseconds. */
import { readFile } from 'node:fs/promises';
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

/**
 * Node's HTTP by `require`: who imports it as an ES module reads all of its exports, and one of those is a getter that loads
 * a whole HTTP client for it (undici), 35 ms of every start.
 */
export const required: Plugin = {
  name: 'required',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?http$/ }, ({ namespace }) =>
      namespace === 'required'
        ? { path: 'node:http', external: true }
        : { path: 'http', namespace: 'required' },
    );
    onLoad({ filter: /.*/, namespace: 'required' }, () => ({
      contents: "module.exports = require('node:http');",
    }));
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

/** A class of the Kubernetes library that says of which fields its objects are. */
interface Model {
  getAttributeTypeMap(): readonly { name: string; baseName: string; type: string; format: string }[];
  discriminator: unknown;
}

const isModel = (exported: unknown): exported is Model =>
  typeof exported === 'function' && 'getAttributeTypeMap' in exported;

/** What stands before the serializer of the Kubernetes library in place of its table of classes. */
const MODELS_BY_NAME = `
  const modelOf = (fields) => {
    const attributes = JSON.parse(fields).map(([name, baseName, type, format]) => ({ name, baseName, type, format }));
    return class { static getAttributeTypeMap() { return attributes; } };
  };
  let typeMap = new Proxy({ __proto__: null }, {
    get: (known, name) => known[name] ??= Object.hasOwn(fieldsOf, name) ? modelOf(fieldsOf[name]) : undefined,
  });`;

/**
 * The Kubernetes library's 750 models as text, each read when the first object of its kind comes: a session sees some twenty
 * of them, and to make all the classes takes 30 ms of every command.
 */
export const modelsAsText: Plugin = {
  name: 'models-as-text',
  setup({ onLoad }) {
    onLoad(
      { filter: /@kubernetes\/client-node\/dist\/gen\/models\/ObjectSerializer\.js$/ },
      async ({ path }) => {
        const fieldsOf: Record<string, string> = {};
        for (const [name, model] of Object.entries(await import('@kubernetes/client-node'))) {
          if (!isModel(model)) continue;
          if (model.discriminator !== undefined)
            throw new Error(`${name} has subtypes, which are not written down here`);
          const fields = model
            .getAttributeTypeMap()
            .map((each) => [each.name, each.baseName, each.type, each.format]);
          fieldsOf[name] = JSON.stringify(fields);
        }
        const text = await readFile(path, 'utf8');
        const rest = text
          .replaceAll(/^(import|export) .* from '\.\.\/models\/\w+\.js';$/gm, '')
          .replace(/^let typeMap = \{.*?^\};$/ms, MODELS_BY_NAME);
        if (!rest.includes(MODELS_BY_NAME)) throw new Error(`${path} has no table of models that is known`);
        return { contents: `const fieldsOf = ${JSON.stringify(fieldsOf)};\n${rest}` };
      },
    );
  },
};
