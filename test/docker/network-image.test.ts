import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type Dockerode from 'dockerode';
import { NODE_IMAGE } from '../../src/assets.ts';
import { buildFor } from '../../src/docker/network-image.ts';
import { TpError } from '../../src/errors.ts';

describe('the network image', () => {
  it('is not made up for an architecture that nothing was built for', async () => {
    const options = { docker: {} as Dockerode, host: '', named: undefined, onStep: () => {} };
    await assert.rejects(buildFor(options, 's390x'), (error: unknown) => {
      assert.ok(error instanceof TpError);
      assert.equal(error.code, 'TP_NETWORK_IMAGE');
      assert.match(error.message, /s390x/);
      assert.match(error.hint ?? '', /--network-image/);
      return true;
    });
  });

  it('takes the place of older ones, but not of one that another session builds and has not named yet', async () => {
    const removed: string[] = [];
    const missing = Object.assign(new Error('no such image'), { statusCode: 404 });
    const docker = {
      getImage: (name: string) => ({
        inspect: () => (name === NODE_IMAGE ? { Architecture: 'amd64' } : Promise.reject(missing)),
        remove: async () => removed.push(name),
      }),
      buildImage: async () => {},
      modem: {
        followProgress: (_output: unknown, done: (error: null, said: object[]) => void) => done(null, []),
      },
      listImages: async () =>
        [['tp-network:older'], ['<none>:<none>'], null].map((RepoTags) => ({ RepoTags })),
    } as unknown as Dockerode;
    const image = await buildFor({ docker, host: '', named: undefined, onStep: () => {} }, 'amd64');
    assert.match(image, /^tp-network:[0-9a-f]{12}$/);
    assert.deepEqual(removed, ['tp-network:older']);
  });
});
