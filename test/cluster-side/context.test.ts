import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseAccess } from '../../src/cluster/context.ts';
import type { ClusterEntry, ContextEntry, Kubeconfig, UserEntry } from '../../src/cluster/kubeconfig.ts';
import { TpError } from '../../src/errors.ts';
import { Folder } from './folder.ts';

interface Parts {
  cluster?: ClusterEntry;
  user?: UserEntry;
  context?: ContextEntry;
  current?: string;
  missing?: string[];
}

/** A kubeconfig with one of each, and a second context. */
const kubeconfig = ({ cluster, user, context, current = 'main', missing = [] }: Parts = {}): Kubeconfig => ({
  clusters: new Map([['c', cluster ?? { server: 'https://api.example:6443' }]]),
  users: new Map([['u', user ?? { token: 'secret' }]]),
  contexts: new Map([
    ['main', context ?? { cluster: 'c', user: 'u', namespace: 'shop' }],
    ['plain', { cluster: 'c', user: 'u' }],
  ]),
  currentContext: current,
  missing,
});

const choose = (parts: Parts, env: NodeJS.ProcessEnv = {}) => chooseAccess(kubeconfig(parts), {}, env);

const refused = (code: string, why: RegExp) => (error: unknown) =>
  error instanceof TpError && error.code === code && why.test(`${error.message}\n${error.hint}`);

describe('the context', () => {
  it('is the current one, with its namespace', () => {
    const { context, namespace, server, user } = choose({});
    assert.deepEqual([context, namespace, server], ['main', 'shop', 'https://api.example:6443']);
    assert.deepEqual(user, { token: 'secret' });
  });

  it('is the one that is named, as the namespace is; the last resort is "default"', () => {
    const all = kubeconfig();
    assert.equal(chooseAccess(all, { context: 'plain' }, {}).namespace, 'default');
    assert.equal(chooseAccess(all, { context: 'plain', namespace: 'other' }, {}).namespace, 'other');
    assert.equal(chooseAccess(all, { namespace: 'other' }, {}).context, 'main');
  });

  it('that is not there, named or current, leads to those that are', () => {
    const listed = refused('TP_NO_CONTEXT', /no context "prod"\n--context main\n--context plain/);
    assert.throws(() => chooseAccess(kubeconfig(), { context: 'prod' }, {}), listed);
    assert.throws(() => choose({ current: 'prod' }), listed);
  });

  it('without a cluster is no server on localhost', () => {
    assert.throws(() => choose({ current: '' }), refused('TP_NO_CLUSTER', /no cluster is configured/));
    assert.throws(
      () => choose({ current: '', missing: ['/nowhere/x'] }),
      refused('TP_NO_CLUSTER', /\/nowhere\/x does not exist/),
    );
    assert.throws(
      () => choose({ context: { cluster: 'gone' } }),
      refused('TP_NO_CLUSTER', /context "main" names cluster "gone"/),
    );
    assert.throws(() => choose({ cluster: {} }), refused('TP_NO_CLUSTER', /names cluster "c"/));
  });

  it('whose user is not there has none, as in kubectl', () => {
    assert.deepEqual(choose({ context: { cluster: 'c', user: 'gone' } }).user, {});
  });
});

describe('the server', () => {
  const CASES: [written: string, more: ClusterEntry, server: string][] = [
    ['https://api.example', {}, 'https://api.example'],
    ['https://api.example:443/', {}, 'https://api.example'],
    ['https://rancher.example/k8s/clusters/c1', {}, 'https://rancher.example/k8s/clusters/c1'],
    ['https://rancher.example/k8s/clusters/c1/?x=1', {}, 'https://rancher.example/k8s/clusters/c1'],
    ['https://[fd00::1]:6443', {}, 'https://[fd00::1]:6443'],
    ['api.example:6443', {}, 'http://api.example:6443'],
    ['api.example:6443', { 'certificate-authority-data': 'eA==' }, 'https://api.example:6443'],
    ['api.example:6443', { 'insecure-skip-tls-verify': true }, 'https://api.example:6443'],
  ];

  for (const [written, more, server] of CASES) {
    it(`is ${server} for ${written}${Object.keys(more).map((key) => `, ${key}`)}`, () => {
      assert.equal(choose({ cluster: { server: written, ...more } }).server, server);
    });
  }

  it('without TLS is shown no login', () => {
    assert.deepEqual(choose({ cluster: { server: 'http://127.0.0.1:8001' } }).user, {});
  });

  it('has to be a URL', () => {
    assert.throws(() => choose({ cluster: { server: 'https://a b' } }), refused('TP_KUBECONFIG', /a b/));
  });
});

describe('the proxy', () => {
  const env = { HTTPS_PROXY: 'http://from-environment:3128', NO_PROXY: '.internal' };

  it("is the cluster's own, whatever the environment says", () => {
    const server = 'https://api.internal';
    const { proxy } = choose({ cluster: { server, 'proxy-url': 'socks5://own:1080' } }, env);
    assert.deepEqual(proxy, { url: 'socks5://own:1080', namedBy: 'proxy-url' });
  });

  it('is that of the environment otherwise', () => {
    assert.deepEqual(choose({}, env).proxy, { url: 'http://from-environment:3128', namedBy: 'HTTPS_PROXY' });
    assert.equal(choose({ cluster: { server: 'https://api.internal' } }, env).proxy, undefined);
  });

  it('may be written in capitals', () => {
    assert.equal(choose({}, { HTTPS_PROXY: 'HTTP://PROXY' }).proxy?.url, 'HTTP://PROXY');
  });

  it('has to be one that can be spoken to', () => {
    const own = { server: 'https://api', 'proxy-url': 'proxy:3128' };
    assert.throws(() => choose({ cluster: own }), refused('TP_KUBECONFIG', /proxy-url: "proxy:3128"/));
    assert.throws(
      () => choose({}, { HTTPS_PROXY: 'ftp://proxy' }),
      refused('TP_KUBECONFIG', /HTTPS_PROXY: "ftp:\/\/proxy"/),
    );
  });
});

describe('a file that the kubeconfig names', () => {
  const absent = '/nowhere/file';
  const CASES: [what: string, parts: Parts][] = [
    ['authority', { cluster: { server: 'https://a', 'certificate-authority': absent } }],
    ['certificate', { user: { 'client-certificate': absent } }],
    ['key', { user: { 'client-key': absent } }],
  ];

  for (const [what, parts] of CASES) {
    it(`as the ${what} has to be readable: else the cluster would seem to be away`, () => {
      assert.throws(
        () => choose(parts),
        refused('TP_KUBECONFIG', /names \/nowhere\/file, which cannot be read/),
      );
    });
  }

  it('is left where it is, to be read again when it changes', () => {
    using folder = new Folder();
    const file = folder.write('ca.crt', 'x');
    const cluster = { server: 'https://a', 'certificate-authority': file };
    assert.equal(choose({ cluster }).cluster['certificate-authority'], file);
  });
});

describe('a pod without a kubeconfig', () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };
  const nothing = kubeconfig({ current: '' });

  it('reaches its own cluster as its service account, in its namespace', () => {
    using folder = new Folder();
    for (const name of ['token', 'ca.crt', 'namespace']) folder.write(name, `${name}\n`);
    const access = chooseAccess(nothing, {}, env, folder.path);
    assert.deepEqual([access.server, access.namespace], ['https://10.96.0.1', 'namespace']);
    assert.deepEqual(access.user, { tokenFile: `${folder.path}/token` });
    assert.equal(access.cluster['certificate-authority'], `${folder.path}/ca.crt`);
    const six = { ...env, KUBERNETES_SERVICE_HOST: 'fd00::1' };
    assert.equal(chooseAccess(nothing, { namespace: 'n' }, six, folder.path).server, 'https://[fd00::1]');
  });

  it('reaches what a kubeconfig names, if there is one', () => {
    using folder = new Folder();
    folder.write('token', 'x');
    assert.equal(chooseAccess(kubeconfig(), {}, env, folder.path).server, 'https://api.example:6443');
  });

  it('reaches nothing without a service account', () => {
    assert.throws(() => chooseAccess(nothing, {}, env, '/nowhere'), refused('TP_NO_CLUSTER', /no cluster/));
    using folder = new Folder();
    folder.write('token', 'x');
    assert.throws(() => chooseAccess(nothing, {}, {}, folder.path), refused('TP_NO_CLUSTER', /no cluster/));
  });
});
