import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { duplexLink } from '../../src/tunnel/duplex-link.ts';
import { CloseCode } from '../../src/tunnel/errors.ts';
import { CARRY_BYTES, CLOSE_GRACE_MS, LINGER_MS } from '../../src/tunnel/limits.ts';
import { Tunnel } from '../../src/tunnel/tunnel.ts';
import { pattern, read } from './bytes.ts';
import { ScriptedClock } from './clock.ts';

const server = createServer({ allowHalfOpen: true, noDelay: true });

/** Two ends of a TCP connection; none ends by itself because the other did. */
async function socketPair(): Promise<[Socket, Socket]> {
  const { port } = server.address() as { port: number };
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ];
  return [near, far];
}

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => server.close());

/** A Duplex that takes what is written, and what it was given at once each time (bytes). */
function taking() {
  const writes: number[] = [];
  const duplex = new Duplex({
    read() {},
    writev(chunks, done) {
      writes.push(chunks.reduce((sum, { chunk }) => sum + (chunk as Buffer).length, 0));
      done();
    },
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.length);
      done();
    },
    highWaterMark: 1000,
  });
  return { duplex, writes };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('what a link is given', () => {
  it('in one turn of the event loop leaves at once', async () => {
    const { duplex, writes } = taking();
    const link = duplexLink(duplex);
    assert.equal(link.send([Buffer.alloc(16), Buffer.alloc(4)]), true);
    await Promise.resolve();
    link.send([Buffer.alloc(16)]);
    assert.deepEqual(writes, []);
    await turn();
    assert.deepEqual(writes, [36]);
    link.send([Buffer.alloc(7)]);
    await turn();
    assert.deepEqual(writes, [36, 7]);
  });

  it('does not wait for the end of the turn where it is as much as may wait', () => {
    const { duplex, writes } = taking();
    const link = duplexLink(duplex);
    assert.equal(link.send([Buffer.alloc(CARRY_BYTES - 1)]), true);
    assert.deepEqual(writes, []);
    assert.equal(link.send([Buffer.alloc(1)]), false);
    assert.deepEqual(writes, [CARRY_BYTES]);
  });

  it('leaves a turn later, where something is to come that belongs to it', async () => {
    const { duplex, writes } = taking();
    const link = duplexLink(duplex);
    link.send([Buffer.alloc(16)], 'nextTurn');
    await turn();
    assert.deepEqual(writes, []);
    await turn();
    assert.deepEqual(writes, [16]);
    link.send([Buffer.alloc(16)], 'nextTurn');
    await turn();
    link.send([Buffer.alloc(7)]);
    await turn();
    assert.deepEqual(writes, [16, 23]);
  });

  it('leaves after a while, where nobody waits for it, or with what has to leave sooner', async () => {
    const clock = new ScriptedClock();
    const { duplex, writes } = taking();
    const link = duplexLink(duplex, clock);
    link.send([Buffer.alloc(16)], 'linger');
    clock.advance(LINGER_MS / 2);
    link.send([Buffer.alloc(1)], 'linger');
    await turn();
    clock.advance(LINGER_MS / 2 - 0.1);
    assert.deepEqual(writes, []);
    clock.advance(0.1);
    assert.deepEqual(writes, [17]);
    link.send([Buffer.alloc(16)], 'linger');
    link.send([Buffer.alloc(7)], 'turn');
    link.send([Buffer.alloc(1)], 'linger');
    await turn();
    assert.deepEqual(writes, [17, 24]);
    assert.equal(clock.pending, 0);
    link.send([Buffer.alloc(2)]);
    link.send([Buffer.alloc(2)], 'nextTurn');
    await turn();
    assert.deepEqual(writes, [17, 24, 4]);
  });

  it('does not linger where it is as much as may wait, or once the link has closed', async () => {
    const clock = new ScriptedClock();
    const { duplex, writes } = taking();
    const link = duplexLink(duplex, clock);
    assert.equal(link.send([Buffer.alloc(CARRY_BYTES)], 'linger'), false);
    assert.deepEqual(writes, [CARRY_BYTES]);
    link.send([Buffer.alloc(16)], 'linger');
    duplex.destroy();
    await once(duplex, 'close');
    assert.equal(clock.pending, 0);
  });

  it('leaves before the end, if it is closed in the same turn', async () => {
    const { duplex, writes } = taking();
    const link = duplexLink(duplex);
    link.send([Buffer.alloc(16)]);
    link.close();
    await once(duplex, 'finish');
    assert.deepEqual(writes, [16]);
    duplex.destroy();
  });
});

describe('a link over a socket', () => {
  it('carries a session both ways, and its end', async () => {
    const [near, far] = await socketPair();
    const ended: unknown[] = [];
    const closing = Promise.all([once(near, 'close'), once(far, 'close')]);
    const proxy = new Tunnel({
      link: duplexLink(far),
      role: 'proxy',
      dialled: false,
      onStream(stream) {
        stream.accept();
        stream.pipe(stream);
      },
      onClosed: (error) => ended.push(error),
    });
    const agent = new Tunnel({
      link: duplexLink(near),
      role: 'agent',
      dialled: true,
      session: 'test',
      onClosed: (error) => ended.push(error),
    });
    await Promise.all([agent.ready, proxy.ready]);
    const stream = agent.open(Buffer.from('{}'));
    const seen = read(stream);
    stream.end(pattern(3_000_000));
    await once(stream, 'close');
    assert.ok(seen.bytes.equals(pattern(3_000_000)));
    agent.close();
    await closing;
    assert.deepEqual(ended, [undefined, undefined]);
  });

  it('delivers the reason of a close to a peer that is still sending', async () => {
    const [near, far] = await socketPair();
    const link = duplexLink(near);
    const received: Buffer[] = [];
    far.on('data', (chunk: Buffer) => received.push(chunk));
    far.on('error', () => {});
    far.write(pattern(1_000_000));
    link.send([Buffer.from('good'), Buffer.from('bye')]);
    link.close();
    await once(far, 'end');
    far.write(pattern(1_000_000)); // no RST comes back for it
    await new Promise((resolve) => far.write('x', resolve));
    assert.equal(Buffer.concat(received).toString(), 'goodbye');
    assert.equal(near.destroyed, false);
    far.end();
    await once(near, 'close');
  });

  it('asks for no more when the peer does not read, and then for more', async () => {
    const [near, far] = await socketPair();
    const link = duplexLink(near);
    let drained = 0;
    link.onDrained = () => drained++;
    far.pause();
    let sent = 0;
    while (link.send([pattern(65_536)])) sent += 65_536;
    sent += 65_536;
    assert.ok(sent <= 16 * 1024 * 1024, `${sent}`);
    assert.equal(drained, 0);
    let read = 0;
    far.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    far.resume();
    while (drained === 0) await once(near, 'drain');
    link.close();
    await once(far, 'end');
    assert.equal(read, sent);
    far.end();
    await once(near, 'close');
  });

  it('says once that it closed, and with what', async () => {
    const [near, far] = await socketPair();
    const link = duplexLink(near);
    const closed: (Error | undefined)[] = [];
    link.onClosed = (cause) => closed.push(cause);
    const cause = new Error('unplugged');
    const gone = new Promise((resolve) => near.once('close', resolve));
    near.destroy(cause);
    await gone;
    link.close();
    assert.equal(link.send([Buffer.from('late')]), true);
    assert.deepEqual(closed, [cause]);
    far.destroy();
  });

  it('closes when the peer ends', async () => {
    const [near, far] = await socketPair();
    const link = duplexLink(near);
    const closed = new Promise((resolve) => {
      link.onClosed = resolve;
    });
    far.end();
    assert.equal(await closed, undefined);
    far.destroy();
  });

  it('ends a session when the other process dies', async () => {
    const [near, far] = await socketPair();
    const ended = new Promise<unknown>((resolve) => {
      new Tunnel({
        link: duplexLink(near),
        role: 'agent',
        dialled: true,
        session: 'test',
        onClosed: resolve,
      });
    });
    far.resetAndDestroy();
    assert.equal(((await ended) as { code: number }).code, CloseCode.linkLost);
  });
});

describe('a link that is closed', () => {
  /** A stream whose peer takes nothing and says nothing. */
  const stuck = () => new Duplex({ read() {}, write() {}, highWaterMark: 1 });

  it('is cut when the peer neither takes what was sent nor closes in turn', async () => {
    const clock = new ScriptedClock();
    const duplex = stuck();
    const link = duplexLink(duplex, clock);
    const closed = new Promise((resolve) => {
      link.onClosed = resolve;
    });
    assert.equal(link.send([Buffer.alloc(CARRY_BYTES)]), false);
    link.close();
    clock.advance(CLOSE_GRACE_MS - 1);
    assert.equal(duplex.destroyed, false);
    clock.advance(1);
    assert.equal(duplex.destroyed, true);
    assert.equal(await closed, undefined);
    assert.equal(clock.pending, 0);
  });

  it('leaves no timer once it has closed', async () => {
    const clock = new ScriptedClock();
    const [near, far] = await socketPair();
    const link = duplexLink(near, clock);
    far.on('end', () => far.end()).resume();
    const closed = new Promise((resolve) => {
      link.onClosed = resolve;
    });
    link.close();
    link.close();
    assert.equal(clock.pending, 1);
    await closed;
    assert.equal(clock.pending, 0);
  });
});
