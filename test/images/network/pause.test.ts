import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { Pause } from '../../../images/network/pause.ts';
import { carry } from '../../../src/tunnel/carry.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { closeAll, follow, socketPair } from '../sockets.ts';

let now: number;
let pause: Pause;

/** Lets time pass by the agent's clock, with all that moves in between. */
async function pass(ms: number): Promise<void> {
  for (let end = now + ms; now < end; ) {
    now += 2;
    mock.timers.tick(2);
    for (let n = 0; n < 4; n++) await new Promise((resolve) => setImmediate(resolve));
  }
}

function begin(limitMs = 10_000) {
  const state = { over: false };
  void pause.begin(limitMs).then(() => {
    state.over = true;
  });
  return state;
}

/** A connection of the agent to the process, and its stream to the proxy. */
async function connection() {
  const [agent, process] = await socketPair();
  let ended = false;
  const stream = new Duplex({
    read() {},
    write: (_chunk, _encoding, done) => done(),
    final(done) {
      ended = true;
      done();
    },
  });
  const releases = [carry(agent, stream), carry(stream, agent)];
  const release = () => {
    for (const letGo of releases) letGo();
  };
  pause.add(agent, stream as unknown as TunnelStream, release);
  return { agent, process: process as Socket, stream, ended: () => ended };
}

describe('before the process is ended on purpose', () => {
  beforeEach(() => {
    now = 10_000;
    mock.method(performance, 'now', () => now);
    mock.timers.enable({ apis: ['setTimeout'] });
    pause = new Pause();
  });
  afterEach(() => {
    mock.restoreAll();
    mock.timers.reset();
    closeAll();
  });

  it('there is nothing to wait for without connections', async () => {
    assert.equal(pause.paused, false);
    const state = begin();
    assert.equal(pause.paused, true);
    await pass(2);
    assert.equal(state.over, true);
    pause.end();
    assert.equal(pause.paused, false);
  });

  it('a connection between two requests is closed towards the caller', async () => {
    const { process, ended } = await connection();
    process.write('an answer');
    await pass(4);
    const state = begin();
    await pass(10);
    assert.equal(ended(), false);
    await pass(40);
    assert.equal(ended(), true);
    assert.equal(state.over, true);
  });

  it('what the caller sends before it has heard does not reach the process', async () => {
    const { process, stream, ended } = await connection();
    const there = follow(process);
    process.write('an answer');
    await pass(4);
    begin();
    await pass(40);
    assert.equal(ended(), true);
    process.write('what nobody asked for');
    await pass(10);
    stream.push('another request');
    await pass(10);
    assert.equal(there.text, '');
    assert.deepEqual([stream.destroyed, stream.errored], [true, null]);
  });

  it('one whose request is not answered yet is waited for', async () => {
    const { agent, process, ended } = await connection();
    const state = begin();
    agent.write('a request');
    await pass(300);
    assert.deepEqual([ended(), state.over], [false, false]);
    process.write('its answer');
    await pass(60);
    assert.deepEqual([ended(), state.over], [true, true]);
  });

  it('one of HTTP/2 is not between two requests because something was answered', async () => {
    const { process, stream, ended } = await connection();
    stream.push('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    process.write('settings');
    await pass(4);
    const state = begin();
    await pass(300);
    assert.deepEqual([ended(), state.over], [false, false]);
    await pass(300);
    assert.deepEqual([ended(), state.over], [true, true], 'it idles');
  });

  it('but not longer than the limit: the rest is the process’s to finish', async () => {
    const { process, ended } = await connection();
    const state = begin(1_000);
    for (let n = 0; n < 110; n++) {
      process.write('more');
      await pass(10);
    }
    assert.deepEqual([ended(), state.over], [false, true]);
  });
});
