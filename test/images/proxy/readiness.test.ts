import assert from 'node:assert/strict';
import { get } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, it, mock } from 'node:test';
import { Fallback, SEARCH_LIMIT_MS } from '../../../images/proxy/fallback.ts';
import { Listeners } from '../../../images/proxy/listeners.ts';
import { readinessServer } from '../../../images/proxy/readiness.ts';
import { closeAll, closedPort, listen, quiet, serve, until } from '../sockets.ts';
import { Agent } from './agent.ts';

const ORIGINAL = '127.0.0.2';

const fallback = () => new Fallback({ name: 'original', own: [], resolve: async () => [ORIGINAL] });

/** The server, and the status that a probe gets from it. */
async function readiness(
  ports: number[],
  listeners: Listeners,
  way?: Fallback,
  udp: number[] = [],
): Promise<() => Promise<number>> {
  const port = await listen(readinessServer({ ports, udp }, listeners, way));
  return () =>
    new Promise((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).on('error', reject);
    });
}

/** An original pod's port, and its connections that are open. */
async function original(): Promise<{ port: number; open: Set<Socket>; count: () => number }> {
  const open = new Set<Socket>();
  let count = 0;
  const port = await serve((socket) => {
    count++;
    open.add(socket);
    socket.resume();
    socket.on('end', () => socket.end());
    socket.on('close', () => open.delete(socket));
  }, ORIGINAL);
  return { port, open, count: () => count };
}

describe('readiness', () => {
  afterEach(() => {
    mock.restoreAll();
    closeAll();
  });

  it('is at once where there is nothing to answer for', async () => {
    const status = await readiness([], new Listeners(100));
    assert.equal(await status(), 200);
  });

  it('is not while nobody would answer', async () => {
    const status = await readiness([8080], new Listeners(100));
    assert.equal(await status(), 503);
    const unreachable = await readiness([await closedPort()], new Listeners(100), fallback());
    assert.equal(await unreachable(), 503);
  });

  it('is while the user’s process listens', async () => {
    const listeners = new Listeners(100);
    const agent = await Agent.connect(listeners);
    const status = await readiness([8080], listeners);
    assert.equal(await status(), 503);
    await agent.say(8080);
    assert.equal(await status(), 200);
    await agent.say();
    assert.equal(await status(), 503);
    await agent.say(8080);
    listeners.setPhase('ended');
    assert.equal(await status(), 503);
  });

  it('is while an original pod can be reached on any of the ports', async () => {
    const { port } = await original();
    assert.equal(await (await readiness([port], new Listeners(100), fallback()))(), 200);
    const closed = await closedPort();
    assert.equal(await (await readiness([closed, port], new Listeners(100), fallback()))(), 200);
  });

  it('lasts for a while after the process has gone, as callers wait for an original pod for so long', async () => {
    let now = 1_000;
    mock.method(performance, 'now', () => now);
    const listeners = new Listeners(100);
    const agent = await Agent.connect(listeners);
    const status = await readiness([await closedPort()], listeners, fallback());
    await agent.say(8080);
    assert.equal(await status(), 200);
    await agent.say();
    now += SEARCH_LIMIT_MS - 1;
    assert.equal(await status(), 200);
    now += 1;
    assert.equal(await status(), 503);
  });

  it('lasts so after a process that came and went between two probes', async () => {
    const listeners = new Listeners(100);
    const agent = await Agent.connect(listeners);
    const status = await readiness([await closedPort()], listeners, fallback());
    assert.equal(await status(), 503);
    await agent.say(8080);
    await agent.say();
    assert.equal(await status(), 200);
  });

  it('asks the original pods no more often than needed, and again after a while', async () => {
    const { port, count } = await original();
    let now = 1_000;
    mock.method(performance, 'now', () => now);
    const status = await readiness([port], new Listeners(100), fallback());
    for (let n = 0; n < 5; n++) assert.equal(await status(), 200);
    await quiet();
    assert.equal(count(), 1);
    now += 5_001;
    assert.equal(await status(), 200);
    await quiet();
    assert.equal(count(), 2);
  });

  it('leaves no connection behind in the original pods', async () => {
    const [one, two] = [await original(), await original()];
    const status = await readiness([one.port, two.port], new Listeners(100), fallback());
    assert.equal(await status(), 200);
    await until(() => one.count() + two.count() === 2, 'both ports to be dialled');
    await until(() => one.open.size + two.open.size === 0, 'both connections to be closed');
  });
});
