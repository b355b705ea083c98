import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Listeners } from '../../../images/proxy/listeners.ts';
import type { Tunnel } from '../../../src/tunnel/tunnel.ts';
import { quiet } from '../sockets.ts';
import { Agent } from './agent.ts';

const WAIT_MS = 150;
const never = new AbortController().signal;

let listeners: Listeners;
let agent: Agent;
beforeEach(async () => {
  listeners = new Listeners(WAIT_MS);
  agent = await Agent.connect(listeners);
});

/** A wait, and whether it has come to an end. */
function wait(port = 8080, signal = never) {
  const state = { over: false, result: undefined as Tunnel | undefined, done: Promise.resolve(), ms: 0 };
  const began = performance.now();
  state.done = listeners.wait(port, signal).then((result) => {
    Object.assign(state, { over: true, result, ms: performance.now() - began });
  });
  return state;
}

describe('what the agent listens on', () => {
  it('is what it said last', async () => {
    assert.equal(listeners.any, false);
    assert.equal(listeners.ready(8080), undefined);
    await agent.say(8080, 9090);
    assert.equal(listeners.any, true);
    assert.equal(listeners.ready(8080), agent.tunnel);
    await agent.say(9090);
    assert.equal(listeners.ready(8080), undefined);
    assert.equal(listeners.ready(9090), agent.tunnel);
    await agent.say();
    assert.equal(listeners.any, false);
  });

  it('is nothing once the session has ended, or is given back', async () => {
    await agent.say(8080);
    for (const phase of ['ended', 'leaving'] as const) {
      listeners.setPhase(phase);
      assert.equal(listeners.ready(8080), undefined);
      assert.equal(listeners.any, false);
    }
    listeners.setPhase('running');
    assert.equal(listeners.ready(8080), agent.tunnel);
  });

  it('is nothing of an agent that has gone, and of its successor only what that says', async () => {
    await agent.say(8080);
    listeners.setAgent(undefined);
    assert.equal(listeners.any, false);
    const successor = await Agent.connect(listeners);
    assert.equal(listeners.any, false);
    await agent.say(8080);
    assert.equal(listeners.any, false, 'the old one is not heard any more');
    await successor.say(8080);
    assert.equal(listeners.ready(8080), successor.tunnel);
  });

  it('is nothing where it is not said in ports', async () => {
    for (const text of ['{"ports":"8080"}', '{"ports":["8080",null]}', 'null', '7', '{}']) {
      await agent.say(8080);
      await agent.write(Buffer.from(`${text}\n`));
      assert.equal(listeners.any, false, text);
    }
    assert.equal(agent.announcing, true);
  });

  it('ends with what is not a message', async () => {
    await agent.write(Buffer.from('not JSON\n'));
    assert.equal(agent.announcing, false);
  });
});

describe('a connection for a port', () => {
  it('that is listened on is answered at once', async () => {
    await agent.say(8080);
    assert.equal(await listeners.wait(8080, never), agent.tunnel);
  });

  it('that never was is not waited for', async () => {
    await agent.say(9090);
    const waiting = wait();
    await waiting.done;
    assert.equal(waiting.result, undefined);
    assert.ok(waiting.ms < WAIT_MS / 2, `it waited ${waiting.ms} ms`);
  });

  it('waits for a process that restarts', async () => {
    await agent.say(8080);
    await agent.say();
    const waiting = [wait(), wait()];
    await quiet();
    assert.ok(waiting.every(({ over }) => !over));
    await agent.say(9090);
    await quiet();
    assert.ok(
      waiting.every(({ over }) => !over),
      'another port is not this one',
    );
    await agent.say(8080, 9090);
    await Promise.all(waiting.map(({ done }) => done));
    assert.ok(waiting.every(({ result }) => result === agent.tunnel));
  });

  it('waits when it was refused, until the process says that it listens again', async () => {
    await agent.say(8080);
    listeners.refused(8080);
    const waiting = wait();
    await quiet();
    assert.equal(waiting.over, false);
    await agent.say(8080);
    await waiting.done;
    assert.equal(waiting.result, agent.tunnel);
  });

  it('that has waited long enough goes elsewhere, and all others with it', async () => {
    await agent.say(8080);
    await agent.say();
    const first = wait();
    await quiet(WAIT_MS / 2);
    const second = wait();
    await Promise.all([first.done, second.done]);
    assert.deepEqual([first.result, second.result], [undefined, undefined]);
    assert.ok(first.ms >= WAIT_MS - 5, `it waited ${first.ms} ms`);
    assert.ok(second.ms < WAIT_MS - 20, `the second waited ${second.ms} ms, as if nobody had before`);
    const third = wait();
    await third.done;
    assert.ok(third.ms < WAIT_MS / 2, `the third waited ${third.ms} ms`);
  });

  it('is waited for again once the process has been back', async () => {
    await agent.say(8080);
    await agent.say();
    await wait().done;
    await agent.say(8080);
    assert.equal(await listeners.wait(8080, never), agent.tunnel);
    await agent.say();
    const again = wait();
    await quiet();
    assert.equal(again.over, false);
    await again.done;
  });

  for (const phase of ['ended', 'leaving'] as const) {
    it(`does not wait any more once the session is "${phase}"`, async () => {
      await agent.say(8080);
      await agent.say();
      const waiting = wait();
      await quiet(10);
      listeners.setPhase(phase);
      await waiting.done;
      assert.equal(waiting.result, undefined);
      assert.ok(waiting.ms < WAIT_MS - 20);
      const later = wait();
      await later.done;
      assert.ok(later.ms < WAIT_MS / 2);
    });
  }

  it('does not wait any more once the agent has gone', async () => {
    await agent.say(8080);
    await agent.say();
    const waiting = wait();
    await quiet(10);
    listeners.setAgent(undefined);
    await waiting.done;
    assert.equal(waiting.result, undefined);
    assert.ok(waiting.ms < WAIT_MS - 20);
  });

  it('does not wait for a caller that has gone, and that is no reason for others not to', async () => {
    await agent.say(8080);
    await agent.say();
    const gone = new AbortController();
    const [left, stayed] = [wait(8080, gone.signal), wait()];
    await quiet(10);
    gone.abort();
    await left.done;
    assert.equal(left.result, undefined);
    assert.equal(stayed.over, false);
    await agent.say(8080);
    await stayed.done;
    assert.equal(stayed.result, agent.tunnel);
  });

  it('may be one of very many that wait', async () => {
    const warnings: unknown[] = [];
    const note = (warning: unknown) => void warnings.push(warning);
    process.on('warning', note);
    await agent.say(8080);
    await agent.say();
    const waiting = Array.from({ length: 500 }, () => wait());
    await agent.say(8080);
    await Promise.all(waiting.map(({ done }) => done));
    process.off('warning', note);
    assert.deepEqual(warnings, []);
    assert.equal(listeners.listenerCount('change'), 0);
  });
});
