import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { readKubeconfig } from '../../src/cluster/kubeconfig.ts';
import { TpError } from '../../src/errors.ts';
import { Folder } from './folder.ts';

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder[Symbol.dispose]());

/** A kubeconfig with a cluster, a user and a context of each name. */
const config = (names: string[], server: string, current?: string) => `
apiVersion: v1
kind: Config
${current ? `current-context: ${current}` : ''}
clusters: [${names.map((name) => `{ name: ${name}, cluster: { server: "${server}" } }`)}]
users: [${names.map((name) => `{ name: ${name}, user: { token: "${server}" } }`)}]
contexts: [${names.map((name) => `{ name: ${name}, context: { cluster: ${name}, user: ${name} } }`)}]`;

const refused = (why: RegExp) => (error: unknown) =>
  error instanceof TpError && error.code === 'TP_KUBECONFIG' && why.test(error.message);

describe('the kubeconfig', () => {
  it('is the file that is named, and no other', () => {
    const named = folder.write('named', config(['a'], 'https://named'));
    const other = folder.write('other', config(['b'], 'https://other', 'b'));
    const read = readKubeconfig(named, { KUBECONFIG: other, HOME: folder.path });
    assert.deepEqual([...read.contexts.keys()], ['a']);
    assert.equal(read.currentContext, '');
  });

  it('that is named has to exist', () => {
    assert.throws(() => readKubeconfig('/nowhere/config', {}), refused(/no file \/nowhere\/config/));
  });

  it('is the one in the home directory, where nothing names another', () => {
    folder.write('.kube/config', config(['home'], 'https://home', 'home'));
    for (const env of [{}, { KUBECONFIG: '' }]) {
      assert.equal(readKubeconfig(undefined, { ...env, HOME: folder.path }).currentContext, 'home');
    }
  });

  it('may be missing altogether', () => {
    const read = readKubeconfig(undefined, { HOME: folder.path });
    assert.equal(read.contexts.size, 0);
    assert.deepEqual(read.missing, [`${folder.path}/.kube/config`]);
  });

  it('may be empty', () => {
    const empty = folder.write('empty', '# nothing yet\n');
    assert.equal(readKubeconfig(empty, {}).clusters.size, 0);
    const nulls = folder.write('nulls', 'clusters: null\nusers:\ncontexts: []\ncurrent-context: ""\n');
    assert.equal(readKubeconfig(nulls, {}).users.size, 0);
  });
});

describe('several kubeconfigs', () => {
  it('are one: the first to have a name has all of its entry, the first to choose a context chooses', () => {
    const first = folder.write('first', config(['shared', 'a'], 'https://first'));
    const second = folder.write('second', config(['shared', 'b'], 'https://second', 'b'));
    const third = folder.write('third', config(['c'], 'https://third', 'c'));
    const read = readKubeconfig(undefined, { KUBECONFIG: [first, second, third].join(':') });
    assert.deepEqual([...read.clusters.keys()], ['shared', 'a', 'b', 'c']);
    assert.deepEqual(read.clusters.get('shared'), { server: 'https://first' });
    assert.deepEqual(read.users.get('shared'), { token: 'https://first' });
    assert.equal(read.currentContext, 'b');
  });

  it('take nothing of a second entry of one name, not even what the first lacks', () => {
    const first = folder.write('first', 'users: [{ name: u, user: { token: t } }]');
    const second = folder.write('second', 'users: [{ name: u, user: { username: me, as: other } }]');
    const read = readKubeconfig(undefined, { KUBECONFIG: `${first}:${second}` });
    assert.deepEqual(read.users.get('u'), { token: 't' });
  });

  it('may be missing, be named twice, or have no name', () => {
    const there = folder.write('there', config(['a'], 'https://there', 'a'));
    const read = readKubeconfig(undefined, { KUBECONFIG: `/nowhere/x::${there}:${there}:/nowhere/y` });
    assert.equal(read.currentContext, 'a');
    assert.deepEqual(read.missing, ['/nowhere/x', '/nowhere/y']);
  });
});

describe('a path in a kubeconfig', () => {
  const FILE = `
clusters: [{ name: c, cluster: { server: s, certificate-authority: pki/ca.crt } }]
users:
- { name: files, user: { client-certificate: me.crt, client-key: /abs/me.key, tokenFile: ../token } }
- { name: beside, user: { exec: { command: bin/plugin, args: [bin/x] } } }
- { name: below, user: { exec: { command: ./plugin } } }
- { name: path, user: { exec: { command: plugin } } }
- { name: absolute, user: { exec: { command: /bin/plugin } } }`;

  it('is relative to its own file', () => {
    const first = folder.write('one/config', 'current-context: x');
    const second = folder.write('two/config', FILE);
    const { clusters, users } = readKubeconfig(undefined, { KUBECONFIG: `${first}:${second}` });
    const two = `${folder.path}/two`;
    assert.equal(clusters.get('c')?.['certificate-authority'], `${two}/pki/ca.crt`);
    assert.deepEqual(users.get('files'), {
      'client-certificate': `${two}/me.crt`,
      'client-key': '/abs/me.key',
      tokenFile: `${folder.path}/token`,
    });
    assert.deepEqual(users.get('beside')?.exec, { command: `${two}/bin/plugin`, args: ['bin/x'] });
    assert.equal(users.get('below')?.exec?.command, `${two}/plugin`);
    assert.equal(users.get('absolute')?.exec?.command, '/bin/plugin');
  });

  it('is not what a bare command is: that is looked up', () => {
    const { users } = readKubeconfig(folder.write('config', FILE), {});
    assert.equal(users.get('path')?.exec?.command, 'plugin');
  });

  it('is absolute even when the file was named by a relative path', () => {
    const file = folder.write('config', FILE);
    const before = process.cwd();
    process.chdir(folder.path);
    try {
      const { users } = readKubeconfig('./config', {});
      assert.equal(users.get('files')?.['client-certificate'], file.replace(/config$/, 'me.crt'));
    } finally {
      process.chdir(before);
    }
  });
});

/** Files that kubectl refuses too, and what is said of them. */
const BROKEN: [what: string, text: string, why: RegExp][] = [
  ['no YAML', '{ not yaml', /config cannot be read/],
  ['no map', '- a\n- b\n', /it is not a kubeconfig/],
  ['clusters that are no list', 'clusters: { a: b }', /clusters is not a list/],
  ['a user that is no map', 'users: [{ name: u, user: x }]', /users\[0\] is not a user/],
  [
    'a name that comes twice',
    'contexts: [{ name: a, context: {} }, { name: a, context: {} }]',
    /contexts has "a" twice/,
  ],
];

describe('a kubeconfig that cannot be used', () => {
  for (const [what, text, why] of BROKEN) {
    it(`for ${what}, is named`, () => {
      const file = folder.write('config', text);
      assert.throws(() => readKubeconfig(undefined, { KUBECONFIG: file }), refused(why));
    });
  }

  it('for being a directory, is named', () => {
    assert.throws(() => readKubeconfig(folder.path, {}), refused(/EISDIR/));
  });
});
