import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { GUARDIAN_ASSET } from '../../src/assets.ts';
import { renewLease, startGuardian } from '../../src/cluster/guardian.ts';
import type { Replaced } from '../../src/cluster/guardian-objects.ts';
import { TpError } from '../../src/errors.ts';
import { ApiServer, json } from './api-server.ts';

const REPLACED: Replaced = {
  session: 'abc',
  name: 'tp-shop-abc-guardian',
  kind: 'deployment',
  workload: 'shop',
  replicas: 2,
  image: 'node:24-slim',
  limited: [],
  annotations: {},
};
const PODS = '/api/v1/namespaces/shop/pods';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/shop/leases';

let api: ApiServer;
/** In the order in which they were created. */
let created: string[];

before(() => {
  if (!existsSync(GUARDIAN_ASSET)) execFileSync(process.execPath, ['build.ts'], { stdio: 'inherit' });
});
beforeEach(async () => {
  api = await ApiServer.start();
  created = [];
  for (const path of [
    LEASES,
    '/api/v1/namespaces/shop/serviceaccounts',
    '/api/v1/namespaces/shop/configmaps',
    '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles',
    '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings',
    '/apis/apps/v1/namespaces/shop/deployments',
  ]) {
    api.answers.set(`POST ${path}`, (_request, response) => {
      created.push(path.split('/').at(-1) ?? '');
      json(response, 201, { metadata: { name: REPLACED.name, uid: 'u-1' } });
    });
  }
});
afterEach(() => api.close());

/** The guardian's pod is as this says, for lists and watches. */
function podIs(ready: boolean): void {
  const status = {
    phase: 'Running',
    podIP: '10.42.0.9',
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    containerStatuses: [{ name: 'guardian', state: { running: {} } }],
  };
  const pod = { metadata: { name: 'guardian-1', uid: 'u' }, spec: { containers: [] }, status };
  api.answers.set(`GET ${PODS}`, (_request, response, url) => {
    if (!url.searchParams.has('watch')) return json(response, 200, { items: [pod] });
    response.writeHead(200).write(`${JSON.stringify({ type: 'ADDED', object: pod })}\n`);
  });
}

const start = (limitMs?: number) =>
  startGuardian(api.cluster, REPLACED, () => {}, new AbortController().signal, limitMs);

describe('the guardian in the cluster', () => {
  it('is there once it says that it could scale back; its Role comes before the binding', async () => {
    podIs(true);
    await start();
    assert.equal(created[0], 'leases');
    assert.equal(created.at(-1), 'deployments');
    assert.ok(created.indexOf('roles') < created.indexOf('rolebindings'));
  });

  it('that cannot is refused, with its own log', async () => {
    podIs(false);
    api.answers.set(`GET ${PODS}/guardian-1/log`, (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('connect ETIMEDOUT 10.96.0.1:443');
    });
    await assert.rejects(start(50), (error) => {
      assert.ok(error instanceof TpError, String(error));
      assert.equal(error.code, 'TP_NO_GUARDIAN');
      assert.match(error.hint ?? '', /ETIMEDOUT/);
      return true;
    });
  });
});

describe('a lease', () => {
  const answer = (status: number) =>
    api.answers.set(`PATCH ${LEASES}/${REPLACED.name}`, (_request, response) => json(response, status, {}));

  it('is renewed while it is the session’s', async () => {
    answer(200);
    assert.equal(await renewLease(api.cluster, REPLACED), true);
  });

  it('is lost where it is another’s, or gone', async () => {
    for (const status of [422, 404]) {
      answer(status);
      assert.equal(await renewLease(api.cluster, REPLACED), false, `${status}`);
    }
  });

  it('is neither where the cluster does not say', async () => {
    answer(503);
    await assert.rejects(renewLease(api.cluster, REPLACED), TpError);
  });
});
