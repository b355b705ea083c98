import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { proxyLog } from '../../src/cluster/proxy-log.ts';
import { TpError } from '../../src/errors.ts';
import { collect } from '../collect.ts';
import { ApiServer, json } from './api-server.ts';

const PODS = '/api/v1/namespaces/shop/pods';
const stamp = (second: number) => `2026-01-01T00:00:0${second}.000000000Z`;

const pod = (name: string, { restartCount = 0, made = 0, state = {} as object } = {}) => ({
  metadata: { name, uid: `uid-${name}`, creationTimestamp: stamp(made) },
  spec: {
    containers: [
      { name: 'sidecar', command: ['sleep'] },
      { name: 'app', command: ['node', '/tp-proxy/proxy.mjs'] },
    ],
  },
  status: { containerStatuses: [{ name: 'app', restartCount, state: { running: {}, ...state } }] },
});

describe("the proxy's log", () => {
  let api: ApiServer;
  beforeEach(async () => {
    api = await ApiServer.start();
  });
  afterEach(() => api.close());

  const never = new AbortController().signal;
  const read = async (follow = false, signal = never) =>
    (await collect(proxyLog(api.cluster, 'abc', { follow, signal }))).map(({ text }) => text);
  const has = (items: object[]) =>
    api.answers.set(`GET ${PODS}`, (_request, response) => json(response, 200, { items }));
  const says = (name: string, answer: (query: URLSearchParams) => string) =>
    api.answers.set(`GET ${PODS}/${name}/log`, (_request, response, url) =>
      response.end(answer(url.searchParams)),
    );

  it('is that of the container that runs the proxy, with the instance before it', async () => {
    has([pod('one', { restartCount: 1 })]);
    says('one', (query) => {
      assert.equal(query.get('container'), 'app');
      return query.get('previous') ? `${stamp(1)} before\n` : `${stamp(2)} now\n`;
    });
    assert.deepEqual(await read(), ['before', 'now']);
    assert.ok(api.requests[0]?.includes('labelSelector=tp%2Fsession%3Dabc'));
  });

  it('is that of all pods, the oldest first, each by its own clock', async () => {
    has([pod('new', { made: 2 }), pod('old', { made: 1 })]);
    says('old', () => `${stamp(9)} old\n`);
    says('new', () => `${stamp(3)} new\n`);
    assert.deepEqual(await read(), ['old', 'new']);
  });

  it('is empty where nothing has run, and where what has run is not kept', async () => {
    has([pod('one', { state: { running: undefined, waiting: { reason: 'ContainerCreating' } } })]);
    assert.deepEqual(await read(), []);
    has([pod('one', { restartCount: 1 })]);
    api.answers.set(`GET ${PODS}/one/log`, (_request, response, url) =>
      url.searchParams.get('previous')
        ? json(response, 400, { message: 'not kept' })
        : response.end(`${stamp(2)} now\n`),
    );
    assert.deepEqual(await read(), ['now']);
    has([]);
    assert.deepEqual(await read(true), []);
  });

  it('names what is not allowed', async () => {
    has([pod('one')]);
    api.answers.set(`GET ${PODS}/one/log`, (_request, response) =>
      json(response, 403, { message: 'no pods/log' }),
    );
    await assert.rejects(read(), (error) => error instanceof TpError && error.code === 'TP_FORBIDDEN');
  });

  it('goes on without saying a line twice, until there is no pod', async () => {
    has([pod('one')]);
    const asked: (string | null)[] = [];
    says('one', (query) => {
      assert.equal(query.get('follow'), 'true');
      asked.push(query.get('sinceTime'));
      if (asked.length === 1) return `${stamp(1)} first\n${stamp(2)} second\n`;
      has([]);
      return `${stamp(2)} second\n${stamp(3)} third\n`;
    });
    assert.deepEqual(await read(true), ['first', 'second', 'third']);
    assert.deepEqual(asked, [null, stamp(2)]);
  });

  it('ends when nobody wants it any more', async () => {
    has([pod('one')]);
    const stop = new AbortController();
    api.answers.set(`GET ${PODS}/one/log`, (_request, response) => response.write(`${stamp(1)} first\n`));
    const texts: string[] = [];
    for await (const { text } of proxyLog(api.cluster, 'abc', { follow: true, signal: stop.signal })) {
      texts.push(text);
      stop.abort();
    }
    assert.deepEqual(texts, ['first']);
  });
});
