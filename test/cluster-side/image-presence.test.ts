import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findImage } from '../../src/cluster/image-presence.ts';
import { ApiServer, json } from './api-server.ts';

/** Looks for an image on these nodes, or where they may not be listed in these pods. */
async function found(image: string, nodes: string[][] | undefined, pods: string[] = []) {
  const api = await ApiServer.start();
  try {
    const list = nodes?.map((names) => ({ status: { images: [{ names }] } }));
    api.answers.set('GET /api/v1/nodes', (_request, response) =>
      list ? json(response, 200, { items: list }) : json(response, 403, { message: 'no' }),
    );
    const items = pods.map((used) => ({
      status: {
        containerStatuses: [
          { name: 'app', image: used, containerID: used.startsWith('!') ? undefined : 'x' },
        ],
      },
    }));
    api.answers.set('GET /api/v1/namespaces/shop/pods', (_request, response) =>
      json(response, 200, { items }),
    );
    return await findImage(api.cluster, image);
  } finally {
    api.close();
  }
}

describe('an image in the cluster', () => {
  it('is on nodes by whatever name people or they write', async () => {
    const nodes = [
      ['docker.io/library/node:24-slim', 'docker.io/library/node@sha256:1'],
      ['docker.io/library/node:22'],
    ];
    assert.deepEqual(await found('node:24-slim', nodes), { nodes: 2, having: 1 });
    assert.deepEqual(await found('docker.io/library/node:24-slim', nodes), { nodes: 2, having: 1 });
    assert.deepEqual(await found('localhost:5000/node:24-slim', nodes), { nodes: 2, having: 0 });
    assert.deepEqual(await found('node', [['docker.io/library/node:latest']]), { nodes: 1, having: 1 });
  });

  it('is looked for in pods where nodes may not be listed', async () => {
    assert.deepEqual(await found('node:24-slim', undefined, ['node:24-slim']), {
      nodes: undefined,
      inPods: true,
    });
    assert.deepEqual(await found('node:24-slim', undefined, ['node:22']), {
      nodes: undefined,
      inPods: false,
    });
    assert.deepEqual(await found('!node:24-slim', undefined, ['!node:24-slim']), {
      nodes: undefined,
      inPods: false,
    });
  });
});
