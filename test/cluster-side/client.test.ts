import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ApiException } from '@kubernetes/client-node';
import { ask, connectCluster, messageOf, statusOf } from '../../src/cluster/client.ts';
import type { Terminal } from '../../src/cluster/exec-login.ts';
import { TpError } from '../../src/errors.ts';
import { refusal } from './fake-cluster.ts';

const KUBECONFIG = `
apiVersion: v1
kind: Config
current-context: staging
clusters: [{ name: c, cluster: { server: "https://10.0.0.1:6443" } }]
users: [{ name: u, user: { token: t } }]
contexts:
- { name: staging, context: { cluster: c, user: u, namespace: shop } }
- { name: plain, context: { cluster: c, user: u } }
`;

/** Nobody's: no login here asks anything. */
const terminal: Terminal = { inputIsFree: false, lend: (work) => work() };

async function explained(error: unknown): Promise<TpError> {
  try {
    await ask('listing Pods', Promise.reject(error));
  } catch (explanation) {
    assert.ok(explanation instanceof TpError, String(explanation));
    return explanation;
  }
  throw new Error('it did not fail');
}

describe('the kubeconfig', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tp-kubeconfig-'));
  const previous = process.env.KUBECONFIG;
  const use = (text: string) => {
    const file = join(directory, 'config');
    writeFileSync(file, text);
    process.env.KUBECONFIG = file;
  };
  const code = (expected: string) => (error: unknown) => error instanceof TpError && error.code === expected;

  before(() => use(KUBECONFIG));
  after(() => {
    if (previous === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = previous;
    rmSync(directory, { recursive: true });
  });

  it('gives the current context and its namespace', () => {
    const { context, namespace } = connectCluster({ terminal });
    assert.deepEqual([context, namespace], ['staging', 'shop']);
  });

  it('gives another context, whose namespace is "default" where it has none', () => {
    const { context, namespace } = connectCluster({ context: 'plain', terminal });
    assert.deepEqual([context, namespace], ['plain', 'default']);
  });

  it('gives way to a namespace that is named', () => {
    assert.equal(connectCluster({ namespace: 'other', terminal }).namespace, 'other');
  });

  it('without the context lists those that it has', () => {
    assert.throws(
      () => connectCluster({ context: 'prod', terminal }),
      (error) =>
        code('TP_NO_CONTEXT')(error) &&
        /--context staging\n--context plain/.test((error as TpError).hint ?? ''),
    );
  });

  it('that names no cluster or is broken is an error of its own, not a server on localhost', () => {
    for (const empty of ['', 'apiVersion: v1\nkind: Config\n']) {
      use(empty);
      assert.throws(() => connectCluster({ terminal }), code('TP_NO_CLUSTER'));
    }
    use('{ not yaml');
    assert.throws(() => connectCluster({ terminal }), code('TP_KUBECONFIG'));
    use(KUBECONFIG);
  });
});

describe('an error of the cluster', () => {
  it('says what was asked, and what the server said', async () => {
    const error = await explained(refusal(409, 'it exists'));
    assert.equal(error.code, 'TP_CLUSTER_REFUSED');
    assert.equal(error.message, 'listing Pods: it exists');
  });

  it('tells a login that has expired, and a right that is missing', async () => {
    assert.equal((await explained(refusal(401, 'Unauthorized'))).code, 'TP_LOGIN_EXPIRED');
    const forbidden = await explained(refusal(403, 'pods is forbidden'));
    assert.equal(forbidden.code, 'TP_FORBIDDEN');
    assert.match(forbidden.message, /pods is forbidden/);
    assert.match(forbidden.hint ?? '', /docs\/rights\.md/);
  });

  it('tells a cluster that does not answer, with the reason below', async () => {
    const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const error = await explained(new TypeError('fetch failed', { cause }));
    assert.equal(error.code, 'TP_CLUSTER_UNREACHABLE');
    assert.match(error.message, /ECONNREFUSED/);
    assert.match((await explained(new Error('getaddrinfo ENOTFOUND x'))).message, /ENOTFOUND/);
  });

  it('that is explained already stays as it is', async () => {
    const own = new TpError('TP_USAGE', 'x');
    assert.equal(await explained(own), own);
  });

  it('is read from whatever the body is', () => {
    assert.equal(messageOf(new ApiException(500, 'm', { message: 'object' }, {})), 'object');
    assert.equal(messageOf(new ApiException(500, 'm', '{"message":"json"}', {})), 'json');
    assert.equal(messageOf(new ApiException(500, 'm', 'plain text\n', {})), 'plain text');
    assert.equal(messageOf(new Error('x')), 'x');
    assert.equal(messageOf('x'), 'x');
    assert.equal(statusOf(new Error('x')), undefined);
    assert.equal(statusOf(refusal(404, 'x')), 404);
  });
});
