import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { waitForEndpoint } from '../../src/cluster/endpoint.ts';
import { ApiServer, json } from './api-server.ts';

const SLICES = 'GET /apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';

let api: ApiServer;
beforeEach(async () => {
  api = await ApiServer.start();
});
afterEach(() => api.close());

const endpoint = (pod: string, ready: boolean) => ({
  addresses: ['10.0.0.1'],
  conditions: { ready },
  targetRef: { kind: 'Pod', name: pod },
});
const wait = (signal = new AbortController().signal) =>
  waitForEndpoint(api.cluster, 'shadow', 'tp-1', signal);

describe('a pod is an endpoint', () => {
  it('when what was written for the Service counts it as ready, and not before', async () => {
    const answers = [
      [],
      [{ endpoints: [endpoint('other', true)] }],
      [{ endpoints: [endpoint('tp-1', false)] }, { endpoints: null }],
      [{ endpoints: [endpoint('other', true)] }, { endpoints: [endpoint('tp-1', true)] }],
    ];
    let asked = 0;
    api.answers.set(SLICES, (_request, response, url) => {
      assert.equal(url.searchParams.get('labelSelector'), 'kubernetes.io/service-name=shadow');
      json(response, 200, { items: answers[Math.min(asked++, answers.length - 1)] });
    });
    await wait();
    assert.equal(asked, answers.length);
  });

  it('as far as one knows who may not look', async () => {
    api.answers.set(SLICES, (_request, response) => json(response, 403, { message: 'no' }));
    await wait();
    assert.equal(api.requests.length, 1);
  });

  it('never, for one who waits no longer', async () => {
    api.answers.set(SLICES, (_request, response) => json(response, 200, { items: [] }));
    const stop = new AbortController();
    const waiting = wait(stop.signal);
    stop.abort(new Error('stopped'));
    await assert.rejects(waiting);
  });
});
