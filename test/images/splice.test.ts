import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, describe, it, mock } from 'node:test';
import { splice } from '../../images/splice.ts';
import { ResetCode, StreamReset } from '../../src/tunnel/errors.ts';
import { PING_INTERVAL_MS } from '../../src/tunnel/limits.ts';
import { pattern } from '../tunnel/bytes.ts';
import { openStream, tunnelPair } from '../tunnel/tunnel-pair.ts';
import { closeAll, follow, quiet, socketPair, until } from './sockets.ts';

/** As long as nobody cuts a connection on which nothing moves (ms). */
const IDLE_MS = 10 * 60_000;

/** A caller's socket whose other end is joined to a stream, and the stream's other end. */
async function joined() {
  const [caller, socket] = await socketPair();
  const pair = await tunnelPair();
  const [peer, stream] = await openStream(pair);
  splice(socket, stream);
  peer.on('error', () => {}); // a test that cares listens itself
  return { caller, socket, stream, peer, pair };
}

describe('a socket and a stream that are joined', () => {
  afterEach(closeAll);

  it('carry bytes both ways', async () => {
    const { caller, peer } = await joined();
    const [here, there] = [follow(caller), follow(peer)];
    caller.write('question');
    await until(() => there.text === 'question');
    peer.write('answer');
    await until(() => here.text === 'answer');
  });

  it('may be silent for ten minutes, and go on', async () => {
    const { caller, peer, pair } = await joined();
    const [here, there] = [follow(caller), follow(peer)];
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    try {
      for (let passed = 0; passed < IDLE_MS; passed += PING_INTERVAL_MS) {
        pair.clock.advance(PING_INTERVAL_MS);
        mock.timers.tick(PING_INTERVAL_MS);
        await pair.settle();
      }
    } finally {
      mock.timers.reset();
    }
    assert.ok(pair.clock.now() >= IDLE_MS);
    caller.write('question');
    await until(() => there.text === 'question');
    peer.write('answer');
    await until(() => here.text === 'answer');
  });

  it('reset the caller where the stream has ended before they were joined', async () => {
    const [caller, socket] = await socketPair();
    const pair = await tunnelPair();
    const [peer, stream] = await openStream(pair);
    const here = follow(caller);
    stream.on('error', () => {});
    peer.on('error', () => {});
    peer.reset(ResetCode.connectionReset, 'read ECONNRESET');
    await pair.settle();
    splice(socket, stream);
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET');
  });

  it('pass on at once what the caller sends, since the link gathers it', async () => {
    const { socket, pair } = await joined();
    const { length } = pair.proxy.link.sent;
    socket.emit('data', Buffer.from('question'));
    assert.ok(pair.proxy.link.sent.length > length);
  });

  it('carry much, whole', async () => {
    const { caller, peer } = await joined();
    const bytes = pattern(2_000_000);
    const there = follow(peer);
    caller.end(bytes);
    await until(() => there.ended);
    assert.equal(there.text, bytes.toString('latin1'));
  });

  it('pass on that the caller has ended, and still bring the answer', async () => {
    const { caller, peer } = await joined();
    const [here, there] = [follow(caller), follow(peer)];
    caller.end('question');
    await until(() => there.ended);
    peer.end('answer');
    await until(() => here.ended);
    assert.deepEqual([here.text, there.text], ['answer', 'question']);
    await until(() => here.closed && there.closed);
    assert.deepEqual([here.error, there.error], [undefined, undefined]);
  });

  it('pass on that the peer has ended, and still take what the caller says', async () => {
    const { caller, peer } = await joined();
    const [here, there] = [follow(caller), follow(peer)];
    peer.end('hello');
    await until(() => here.ended);
    caller.write('still here');
    await until(() => there.text === 'still here');
    caller.end();
    await until(() => here.closed && there.closed);
  });

  it('pass on a reset of the caller as one', async () => {
    const { caller, peer } = await joined();
    follow(peer);
    const failed = once(peer, 'error');
    caller.resetAndDestroy();
    const [error] = (await failed) as [StreamReset];
    assert.ok(error instanceof StreamReset);
    assert.equal(error.code, ResetCode.connectionReset);
  });

  it('pass on a reset of the peer as one', async () => {
    const { caller, peer } = await joined();
    const here = follow(caller);
    peer.reset(ResetCode.connectionReset, 'the process died');
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET');
    assert.equal(here.ended, false, 'an end would look like a whole answer');
  });

  it('bring what came just before a reset, both ways', async () => {
    const [first, second] = [await joined(), await joined()];
    const [here, there] = [follow(first.caller), follow(second.peer)];
    first.peer.write('last words');
    first.peer.reset(ResetCode.connectionReset, 'the process died');
    // As where the kernel has both for us at once.
    second.socket.emit('data', Buffer.from('last words'));
    second.socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    await until(() => here.closed && there.closed);
    assert.deepEqual([here.text, here.error], ['last words', 'ECONNRESET']);
    assert.equal(there.text, 'last words');
    assert.notEqual(there.error, undefined);
  });

  it('cut the caller with a reset when the stream is given up here', async () => {
    const { caller, stream } = await joined();
    const here = follow(caller);
    stream.destroy();
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET');
  });

  it('cut the caller with a reset too when the whole tunnel is lost', async () => {
    const pair = await tunnelPair();
    const [caller, socket] = await socketPair();
    const [peer, stream] = await openStream(pair);
    peer.on('error', () => {});
    splice(socket, stream);
    const here = follow(caller);
    pair.proxy.link.cut();
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET');
  });

  it('close without a reset what timed out: nobody is there to send one', async () => {
    const { caller, peer } = await joined();
    const here = follow(caller);
    peer.reset(ResetCode.timedOut, 'silence');
    await until(() => here.ended);
    assert.equal(here.error, undefined);
  });

  it('stop the peer when the caller does not read', async () => {
    const { caller, peer } = await joined();
    caller.pause();
    const bytes = Buffer.alloc(64 * 1024 * 1024);
    let sent = false;
    peer.write(bytes, () => {
      sent = true;
    });
    await quiet(300);
    assert.equal(sent, false, '64 MiB are waiting somewhere');
    const here = new Promise<number>((resolve) => {
      let count = 0;
      caller.on('data', (chunk: Buffer) => {
        count += chunk.length;
        if (count === bytes.length) resolve(count);
      });
      caller.resume();
    });
    assert.equal(await here, bytes.length);
  });

  it('stop the caller when the peer does not read', async () => {
    const { caller, peer } = await joined();
    let taken = 0;
    const chunk = Buffer.alloc(1024 * 1024);
    const push = () => {
      while (taken < 64 && caller.write(chunk)) taken++;
      if (taken < 64) caller.once('drain', push);
    };
    push();
    await quiet(300);
    assert.ok(taken < 64, 'all of it was taken');
    assert.ok(peer.readableLength < 2 * 1024 * 1024);
  });
});
