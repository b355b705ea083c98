import assert from 'node:assert/strict';
import { syncBuiltinESMExports } from 'node:module';
import net, { type Socket } from 'node:net';
import { afterEach, describe, it, mock } from 'node:test';
import { Fallback } from '../../../images/proxy/fallback.ts';
import { closeAll, closedPort, quiet, serve, track, until } from '../sockets.ts';

const never = new AbortController().signal;

/** Pods at addresses of loopback, all on one port, and who was called. */
async function pods(...hosts: string[]): Promise<{ port: number; called: string[] }> {
  const called: string[] = [];
  let port = 0;
  for (const host of hosts) {
    port = await serve(() => called.push(host), host, port);
  }
  return { port, called };
}

const fallback = (found: string[] | (() => Promise<string[]>), own: string[] = []) =>
  new Fallback({
    name: 'tp-shop.shop.svc.cluster.local',
    own,
    resolve: typeof found === 'function' ? found : async () => found,
  });

const dialled = async (of: Fallback, port: number, peer = '', signal = never, limitMs?: number) => {
  const socket = track(await of.dial(port, peer, signal, limitMs));
  return `${socket.remoteAddress}`;
};

/** Connections to these hosts are never answered, as where a policy drops them or a node is gone. */
function silence(...hosts: string[]): Socket[] {
  const dials: Socket[] = [];
  const connect = net.connect;
  mock.method(net, 'connect', (options: { host: string; port: number }) => {
    if (!hosts.includes(options.host)) return connect(options);
    const socket = new net.Socket();
    dials.push(socket);
    return socket;
  });
  syncBuiltinESMExports();
  return dials;
}

describe('the way to the original pods', () => {
  afterEach(() => {
    closeAll();
    mock.restoreAll();
    syncBuiltinESMExports();
  });

  it('leads to one of them', async () => {
    const { port } = await pods('127.0.0.2');
    assert.equal(await dialled(fallback(['127.0.0.2']), port), '127.0.0.2');
  });

  it('is waited for while the DNS is silent, and not once it has said that there are none', async () => {
    const codes = ['ETIMEOUT', 'ETIMEOUT', 'ENOTFOUND', 'ETIMEOUT'];
    const failing = fallback(async () => {
      throw Object.assign(new Error('no answer'), { code: codes.shift() });
    });
    await failing.heardOf();
    assert.deepEqual(codes, ['ETIMEOUT']);
    await failing.heardOf(0);
    assert.deepEqual(codes, [], 'a limit ends it');
  });

  it('is asked for once by all that wait, and again by those who come later', async () => {
    const { port } = await pods('127.0.0.2');
    let asked = 0;
    const { promise, resolve } = Promise.withResolvers<string[]>();
    const way = fallback(() => {
      asked++;
      return promise;
    });
    const waiting = Array.from({ length: 100 }, () => dialled(way, port));
    resolve(['127.0.0.2']);
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['127.0.0.2']));
    assert.equal(asked, 1);
    await dialled(way, port);
    assert.equal(asked, 2);
  });

  it('leads to the pods that were known last when their name is gone', async () => {
    const { port } = await pods('127.0.0.2');
    let gone = false;
    const of = fallback(async () => {
      if (gone) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
      return ['127.0.0.2'];
    });
    assert.equal(await dialled(of, port), '127.0.0.2');
    gone = true;
    assert.equal(await dialled(of, port, '', never, 0), '127.0.0.2');
    assert.equal(await of.isGone(), true);
  });

  it('never leads to the proxy itself', async () => {
    const { port, called } = await pods('127.0.0.2', '127.0.0.3');
    const of = fallback(['127.0.0.2', '127.0.0.3'], ['127.0.0.2']);
    for (let n = 0; n < 10; n++) assert.equal(await dialled(of, port), '127.0.0.3');
    assert.ok(!called.includes('127.0.0.2'));
  });

  it('fails where there is none but the proxy itself', async () => {
    const { port } = await pods('127.0.0.2');
    await assert.rejects(
      dialled(fallback(['127.0.0.2'], ['127.0.0.2']), port, '', never, 0),
      /no other pods that are ready/,
    );
  });

  it('does not lead back to the caller, unless there is nobody else', async () => {
    const { port, called } = await pods('127.0.0.2', '127.0.0.3');
    const both = fallback(['127.0.0.2', '127.0.0.3']);
    for (let n = 0; n < 10; n++) assert.equal(await dialled(both, port, '127.0.0.2'), '127.0.0.3');
    assert.ok(!called.includes('127.0.0.2'));
    assert.equal(await dialled(fallback(['127.0.0.2']), port, '127.0.0.2'), '127.0.0.2');
  });

  it('leads to all of them in turn', async () => {
    const { port } = await pods('127.0.0.2', '127.0.0.3');
    const reached = new Set<string>();
    for (let n = 0; n < 40; n++) reached.add(await dialled(fallback(['127.0.0.2', '127.0.0.3']), port));
    assert.equal(reached.size, 2);
  });

  it('passes over one that refuses', async () => {
    const { port } = await pods('127.0.0.2');
    for (let n = 0; n < 10; n++) {
      assert.equal(await dialled(fallback(['127.0.0.9', '127.0.0.2']), port), '127.0.0.2');
    }
  });

  it('does not wait for one that is silent when another answers', async () => {
    const { port } = await pods('127.0.0.2');
    const dials = silence('127.0.0.9');
    const began = performance.now();
    // In the order in which they are drawn the silent one comes first half of the time.
    const reached = await Promise.all(
      Array.from({ length: 12 }, () => dialled(fallback(['127.0.0.9', '127.0.0.2']), port)),
    );
    assert.ok(reached.every((host) => host === '127.0.0.2'));
    const took = performance.now() - began;
    assert.ok(dials.length > 0, 'it was dialled');
    assert.ok(took >= 200 && took < 1_500, `${took} ms`);
    assert.ok(
      dials.every(({ destroyed }) => destroyed),
      'the dial that was overtaken is given up',
    );
  });

  it('is tried again while pods come and go', async () => {
    const port = await closedPort();
    let answers: string[] = [];
    const dial = dialled(
      fallback(async () => answers),
      port,
    );
    await quiet(150);
    answers = ['127.0.0.4'];
    await quiet(150);
    await serve(() => {}, '127.0.0.4', port);
    assert.equal(await dial, '127.0.0.4');
  });

  it('is tried again where a pod died without a word, and its successor has another address', async () => {
    const { port } = await pods('127.0.0.5');
    silence('127.0.0.9');
    let found = ['127.0.0.9'];
    const dial = dialled(
      fallback(async () => found),
      port,
    );
    await quiet(50);
    found = ['127.0.0.5'];
    assert.equal(await dial, '127.0.0.5');
  });

  it('is tried for no longer than the limit, and then fails with what went wrong', async () => {
    const port = await closedPort();
    const began = performance.now();
    await assert.rejects(dialled(fallback(['127.0.0.2']), port, '', never, 300), { code: 'ECONNREFUSED' });
    const took = performance.now() - began;
    assert.ok(took >= 150 && took < 1_000, `${took} ms`);
    await assert.rejects(
      dialled(
        fallback(() => Promise.reject(new Error('no such name'))),
        port,
        '',
        never,
        100,
      ),
      /no such name/,
    );
  });

  it('is tried once where there is no time', async () => {
    const port = await closedPort();
    let resolved = 0;
    const counting = fallback(async () => (resolved++, ['127.0.0.2']));
    await assert.rejects(dialled(counting, port, '', never, 0));
    assert.equal(resolved, 1);
  });

  it('is given up when the caller is gone', async () => {
    const dials = silence('127.0.0.9');
    const gone = new AbortController();
    const dial = dialled(fallback(['127.0.0.9']), 80, '', gone.signal);
    await until(() => dials.length === 1);
    const reason = new Error('the caller has gone');
    gone.abort(reason);
    await assert.rejects(dial, reason);
    assert.equal(dials[0]?.destroyed, true);
    await assert.rejects(dialled(fallback(['127.0.0.9']), 80, '', gone.signal), reason);
    assert.equal(dials.length, 1, 'nobody is dialled for nobody');
  });

  it('tells a name that is gone from one that cannot be asked for', async () => {
    const failing = (code: string) =>
      fallback(() => Promise.reject(Object.assign(new Error(code), { code })));
    assert.equal(await failing('ENOTFOUND').isGone(), true);
    assert.equal(await failing('ETIMEOUT').isGone(), false);
    assert.equal(await fallback(['127.0.0.2']).isGone(), false);
  });
});
