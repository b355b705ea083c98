import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { findLocalRegistry } from '../../src/cluster/local-registry.ts';
import { TpError } from '../../src/errors.ts';
import { ApiServer, json } from './api-server.ts';

const PATH = 'GET /api/v1/namespaces/kube-public/configmaps/local-registry-hosting';

let api: ApiServer;
beforeEach(async () => {
  api = await ApiServer.start();
});
afterEach(() => api.close());

const announce = (data: Record<string, string | undefined>) =>
  api.answers.set(PATH, (_request, response) => json(response, 200, { data }));
const refusal = async (): Promise<TpError> => {
  try {
    await findLocalRegistry(api.cluster);
  } catch (error) {
    if (error instanceof TpError) return error;
  }
  throw new Error('it was not refused');
};

describe('the registry that a cluster announces', () => {
  it('has a name for the user and one for the nodes', async () => {
    announce({
      'localRegistryHosting.v1': 'host: "localhost:5001"\nhostFromContainerRuntime: "registry:5000"\n',
    });
    assert.deepEqual(await findLocalRegistry(api.cluster), {
      host: 'localhost:5001',
      hostFromRuntime: 'registry:5000',
    });
  });

  it('may have one name for both', async () => {
    announce({ 'localRegistryHosting.v1': 'host: localhost:5001' });
    assert.equal((await findLocalRegistry(api.cluster)).hostFromRuntime, 'localhost:5001');
  });

  it('is none where there is no announcement, no host in it, or nonsense', async () => {
    for (const data of [{}, { 'localRegistryHosting.v1': 'help: x' }, { 'localRegistryHosting.v1': ': [' }]) {
      announce(data);
      assert.equal((await refusal()).code, 'TP_NO_REGISTRY');
    }
    for (const [status, words] of [
      [404, /announces no registry/],
      [403, /may not read/],
    ] as const) {
      api.answers.set(PATH, (_request, response) => json(response, status, { message: 'no' }));
      const error = await refusal();
      assert.equal(error.code, 'TP_NO_REGISTRY');
      assert.match(error.message, words);
      assert.match(error.hint ?? '', /--proxy-image/);
    }
  });
});
