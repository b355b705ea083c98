import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { dialProcess } from '../../../images/network/inbound.ts';
import type { Acceptance } from '../../../images/network/sock-diag.ts';
import { ResetCode, type StreamReset } from '../../../src/tunnel/errors.ts';
import { tunnelPair } from '../../tunnel/tunnel-pair.ts';
import { closeAll, closedPort, follow, quiet, serve, until } from '../sockets.ts';

/** The pod's address, and loopback, as they are in the container. */
const [POD, LOOPBACK] = ['127.0.0.7', '127.0.0.1'];

/** The proxy's end of a connection that the agent brings to the process on `port`. */
async function inbound(
  port: number,
  addresses = [POD, LOOPBACK],
  acceptance = (_: Socket): Acceptance => 'accepted',
) {
  const told = { refused: 0, only: [] as string[], paused: false };
  const pair = await tunnelPair({
    onStream: (stream) =>
      dialProcess(stream, {
        port,
        addresses,
        dial: (host, at) => connect({ host, port: at, allowHalfOpen: true, noDelay: true }),
        acceptance,
        onAccepted: () => {},
        isPaused: () => told.paused,
        onRefused: () => told.refused++,
        onOnlyAt: (address) => told.only.push(address),
      }),
  });
  const near = pair.proxy.tunnel.open(Buffer.from('{}'));
  near.on('error', () => {}); // a test that cares listens itself
  return { near, told, pair };
}

describe('a connection from the cluster', () => {
  afterEach(closeAll);

  it('goes to the process at the pod’s address', async () => {
    const reached: string[] = [];
    const port = await serve((socket) => (reached.push('pod'), socket.pipe(socket)), POD);
    await serve(() => reached.push('loopback'), LOOPBACK, port);
    const { near, told } = await inbound(port);
    const here = follow(near);
    await once(near, 'accept');
    near.end('hello');
    await until(() => here.closed);
    assert.equal(here.text, 'hello');
    assert.deepEqual(reached, ['pod']);
    assert.deepEqual(told, { refused: 0, only: [], paused: false });
  });

  it('is accepted without delay, also where the caller’s first bytes are there: the rest waits for that', async () => {
    const port = await serve((socket) => socket.resume(), POD);
    const { near, pair } = await inbound(port);
    near.write('POST / HTTP/1.1');
    await once(near, 'accept');
    assert.ok(!pair.agent.link.patience.includes('linger'), `${pair.agent.link.patience}`);
  });

  it('goes to one that listens on loopback only, and says so', async () => {
    const port = await serve((socket) => socket.end('loopback'), LOOPBACK);
    const { near, told } = await inbound(port);
    const here = follow(near);
    await until(() => here.text === 'loopback');
    assert.deepEqual(told, { refused: 0, only: [LOOPBACK], paused: false });
  });

  it('is refused, and nothing accepted, where it listens nowhere', async () => {
    const { near, told } = await inbound(await closedPort());
    let accepted = false;
    near.once('accept', () => {
      accepted = true;
    });
    const [error] = (await once(near, 'error')) as [StreamReset];
    assert.equal(error.code, ResetCode.connectionRefused);
    assert.deepEqual(told, { refused: 1, only: [], paused: false });
    assert.equal(accepted, false);
  });

  it('says what else is wrong, and does not try elsewhere then', async () => {
    const port = await serve(() => {}, LOOPBACK);
    // Nobody connects to everybody: the kernel refuses that itself.
    const { near, told } = await inbound(port, ['255.255.255.255', LOOPBACK]);
    const [error] = (await once(near, 'error')) as [StreamReset];
    assert.notEqual(error.code, ResetCode.connectionRefused);
    assert.deepEqual(told, { refused: 0, only: [], paused: false });
  });

  it('is accepted when the process does so, not when the kernel does', async () => {
    let waiting = true;
    const port = await serve((socket) => socket.pipe(socket), POD);
    const { near } = await inbound(port, [POD], () => (waiting ? 'queued' : 'accepted'));
    let accepted = false;
    near.once('accept', () => {
      accepted = true;
    });
    near.end('hello');
    await quiet();
    assert.equal(accepted, false);
    waiting = false;
    const here = follow(near);
    await until(() => here.closed);
    assert.equal(here.text, 'hello');
  });

  it('is not left waiting for long once a busy process has accepted', async (t) => {
    const begin = performance.now();
    const pauses: { ms: number; waited: number }[] = [];
    const { setTimeout } = globalThis;
    const recorded = (run: () => void, ms: number, ...values: []) => {
      if (run.name === 'look') pauses.push({ ms, waited: performance.now() - begin });
      return setTimeout(run, ms, ...values);
    };
    t.mock.method(globalThis, 'setTimeout', recorded as typeof setTimeout);
    const port = await serve((socket) => socket.pipe(socket), POD);
    const busy = () => performance.now() - begin < 300;
    const { near } = await inbound(port, [POD], () => (busy() ? 'queued' : 'accepted'));
    await once(near, 'accept');
    assert.ok(
      pauses.every(({ ms, waited }) => ms <= Math.min(waited / 4, 32)),
      JSON.stringify(pauses),
    );
    // Nor is the kernel asked all the time.
    assert.ok(pauses.length > 5 && pauses.length < 60, `${pauses.length} looks`);
  });

  it('ends if the process has said so by the time that it is seen to have accepted', async () => {
    let waiting = true;
    const port = await serve((socket) => socket.end(), POD);
    const { near } = await inbound(port, [POD], () => (waiting ? 'queued' : 'accepted'));
    await quiet();
    waiting = false;
    const here = follow(near);
    await until(() => here.ended);
    near.end();
    await until(() => here.closed);
    assert.equal(here.error, undefined);
  });

  it('is refused if the process ends with it in its queue', async () => {
    const connections: Socket[] = [];
    const port = await serve((socket) => connections.push(socket), POD);
    const { near, told } = await inbound(port, [POD, LOOPBACK], () => 'queued');
    await until(() => connections.length === 1);
    connections[0]?.resetAndDestroy();
    const [error] = (await once(near, 'error')) as [StreamReset];
    assert.equal(error.code, ResetCode.connectionRefused);
    assert.deepEqual(told, { refused: 1, only: [], paused: false });
  });

  it('is refused if it has been reset already when it is looked for', async () => {
    const port = await serve((socket) => socket.resetAndDestroy(), POD);
    const { near, told } = await inbound(port, [POD, LOOPBACK], () => 'gone');
    const [error] = (await once(near, 'error')) as [StreamReset];
    assert.equal(error.code, ResetCode.connectionRefused);
    assert.deepEqual(told, { refused: 1, only: [], paused: false });
  });

  it('is accepted where the kernel says that it is not there, and it is', async () => {
    const port = await serve((socket) => socket.pipe(socket), POD);
    const { near } = await inbound(port, [POD], () => 'gone');
    await once(near, 'accept');
  });

  it('is for the next process if this one is about to be ended when it accepts', async () => {
    const connections: Socket[] = [];
    const port = await serve((socket) => connections.push(socket), POD);
    const { near, told } = await inbound(port);
    told.paused = true;
    near.write('a request');
    const [error] = (await once(near, 'error')) as [StreamReset];
    assert.equal(error.code, ResetCode.connectionRefused);
    await until(() => connections.length === 1);
    const there = follow(connections[0] as Socket);
    await until(() => there.closed || there.ended);
    assert.equal(there.text, '');
  });

  it('is given to a process that hangs, so that its caller’s leaving is seen', async () => {
    const connections: Socket[] = [];
    const port = await serve((socket) => connections.push(socket), POD);
    const { near } = await inbound(port, [POD], () => 'queued');
    await once(near, 'accept');
    near.destroy();
    const there = follow(connections[0] as Socket);
    await until(() => there.closed);
  });

  it('is accepted where the kernel cannot be asked', async () => {
    const port = await serve((socket) => socket.pipe(socket), POD);
    const { near } = await inbound(port, [POD], () => {
      throw new Error('EMFILE');
    });
    await once(near, 'accept');
  });

  it('that nobody wants any more is closed', async () => {
    const connections: Socket[] = [];
    const port = await serve((socket) => connections.push(socket), POD);
    const { near } = await inbound(port);
    await once(near, 'accept');
    await until(() => connections.length === 1);
    const there = follow(connections[0] as Socket);
    near.destroy();
    await until(() => there.closed);
  });

  it('that nobody wants any more before it is there is given up', async () => {
    const connections: Socket[] = [];
    const port = await serve((socket) => connections.push(socket), POD);
    const { near, pair, told } = await inbound(port);
    near.destroy();
    await pair.settle();
    await quiet();
    for (const socket of connections) socket.resume();
    await until(() => connections.every(({ destroyed, readableEnded }) => destroyed || readableEnded));
    assert.deepEqual(told, { refused: 0, only: [], paused: false });
  });
});
