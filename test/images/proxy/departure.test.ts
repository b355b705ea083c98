import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { Departure } from '../../../images/proxy/departure.ts';
import { closeAll, dial, follow, listen } from '../sockets.ts';

let now: number;
let departure: Departure;
let port: number;
/** The proxy's ends of the connections. */
let accepted: Socket[];

/** Lets time pass by the proxy's clock, with all that moves in between. */
async function pass(ms: number): Promise<void> {
  for (let end = now + ms; now < end; ) {
    now += 5;
    mock.timers.tick(5);
    for (let n = 0; n < 4; n++) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Whether the pod may end. */
function leave() {
  const state = { over: false };
  void departure.complete().then(() => {
    state.over = true;
  });
  return state;
}

async function connection(): Promise<{ caller: Socket; course: ReturnType<typeof follow>; proxy: Socket }> {
  const before = accepted.length;
  const caller = await dial(port);
  const course = follow(caller);
  caller.on('end', () => caller.end());
  while (accepted.length === before) await new Promise((resolve) => setImmediate(resolve));
  const proxy = accepted.at(-1);
  assert.ok(proxy);
  return { caller, course, proxy };
}

describe('a pod that is to end', () => {
  beforeEach(async () => {
    now = 10_000;
    mock.method(performance, 'now', () => now);
    mock.timers.enable({ apis: ['setTimeout'] });
    departure = new Departure();
    accepted = [];
    const mine = accepted;
    const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
      mine.push(socket);
      socket.resume();
      socket.on('error', () => {});
      socket.on('end', () => socket.end());
    });
    departure.watch(server);
    port = await listen(server);
  });
  afterEach(() => {
    mock.restoreAll();
    mock.timers.reset();
    closeAll();
  });

  it('ends when no node sends it anything any more, which takes each up to a second to hear', async () => {
    const state = leave();
    await pass(1_000);
    assert.equal(state.over, false);
    await pass(400);
    assert.equal(state.over, true);
  });

  it('ends at once when that has been so for a while', async () => {
    now += 5_000;
    const state = leave();
    await pass(10);
    assert.equal(state.over, true);
  });

  it('waits for nodes that have not heard yet, even if nobody called for a while', async () => {
    now += 5_000;
    departure.givenBack();
    const state = leave();
    await pass(1_000);
    assert.equal(state.over, false);
    await pass(400);
    assert.equal(state.over, true);
  });

  it('waits for what still comes', async () => {
    const state = leave();
    for (let n = 0; n < 3; n++) {
      await pass(800);
      const { caller } = await connection();
      caller.end();
    }
    await pass(800);
    assert.equal(state.over, false);
    await pass(600);
    assert.equal(state.over, true);
  });

  it('closes a connection on which nothing moves, in good order', async () => {
    const { course } = await connection();
    const state = leave();
    await pass(400);
    assert.equal(course.ended, false);
    await pass(1_400);
    assert.equal(course.ended, true);
    assert.equal(course.error, undefined);
    assert.equal(state.over, true);
  });

  it('leaves alone one on which something moves, and ends after it', async () => {
    const { caller, course, proxy } = await connection();
    const state = leave();
    for (let n = 0; n < 8; n++) {
      caller.write('more of the request');
      await pass(300);
    }
    assert.equal(course.ended, false);
    assert.equal(state.over, false);
    proxy.write('the answer');
    await pass(5);
    caller.end();
    await pass(1_500);
    assert.equal(course.text, 'the answer');
    assert.equal(state.over, true);
  });

  it('leaves alone a caller that reads its answer slowly', async () => {
    const { caller, proxy } = await connection();
    caller.pause();
    await pass(5);
    // As much as is always more than the kernel takes: the rest of the answer is still to come.
    proxy.write(Buffer.alloc(16 * 1024 * 1024));
    const state = leave();
    await pass(2_000);
    assert.equal(proxy.writable, true, 'what is still to come could not be sent');
    assert.equal(state.over, false);
  });

  it('sends all of an answer before it closes', async () => {
    const { course, proxy } = await connection();
    const state = leave();
    proxy.write(Buffer.alloc(500_000, 'x'));
    await pass(3_000);
    assert.equal(course.text.length, 500_000);
    assert.equal(course.ended, true);
    assert.equal(state.over, true);
  });
});
