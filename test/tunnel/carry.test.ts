import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { carry } from '../../src/tunnel/carry.ts';
import { CARRY_BYTES, CARRY_CHUNKS } from '../../src/tunnel/limits.ts';

/** What is written at once each time, as text; a write is done when `takes` says so. */
function writes(takes: (done: () => void) => void = (done) => done()) {
  const seen: string[] = [];
  const to = new Writable({
    write(chunk: Buffer, _encoding, done) {
      seen.push(chunk.toString());
      takes(done);
    },
    writev(chunks, done) {
      seen.push(chunks.map(({ chunk }) => (chunk as Buffer).toString()).join('+'));
      takes(done);
    },
    highWaterMark: 16,
  });
  return { to, seen };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('what one stream gives is carried to another', () => {
  it('at once what comes in one turn, and nothing waits for a later one', async () => {
    const from = new Readable({ read() {} });
    const { to, seen } = writes();
    carry(from, to);
    await turn();
    for (const text of ['a', 'b', 'c']) from.push(text);
    await turn();
    from.push('d');
    await turn();
    from.push('e');
    from.push('f');
    from.push(null); // before the turn is over
    await once(to, 'finish');
    assert.deepEqual(seen, ['a+b+c', 'd', 'e+f']);
  });

  it('even from one that was paused', async () => {
    const from = new PassThrough();
    from.pause();
    const { to, seen } = writes();
    carry(from, to);
    from.end('a');
    await once(to, 'finish');
    assert.deepEqual(seen, ['a']);
  });

  it('without waiting for the end of the turn, where the other gathers by itself', async () => {
    const from = new PassThrough();
    const { to, seen } = writes();
    carry(from, to, { gathers: true });
    await turn();
    from.emit('data', Buffer.from('a'));
    assert.deepEqual(seen, ['a']);
  });

  it('with its end, if that had come before', async () => {
    const from = new PassThrough();
    from.resume().end();
    await once(from, 'end');
    const { to } = writes();
    carry(from, to);
    await once(to, 'finish');
  });

  it('no more pieces than may wait, however small', async () => {
    const from = new Readable({ read() {} });
    const { to } = writes(() => {});
    carry(from, to);
    await turn();
    for (let count = 0; count < 2 * CARRY_CHUNKS; count++) from.push('x');
    await turn();
    assert.equal(to.writableLength, CARRY_CHUNKS);
    assert.equal(from.isPaused(), true);
  });

  it('no longer once the other has closed', async () => {
    const from = new PassThrough();
    const { to } = writes();
    carry(from, to);
    to.destroy();
    await once(to, 'close');
    assert.equal(from.isPaused(), true);
  });

  it('no more of it than may wait, and then the rest', async (t) => {
    const bytes = 4 * CARRY_BYTES;
    let read = 0;
    const from = new Readable({
      read(size) {
        const count = Math.min(size, bytes - read);
        read += count;
        this.push(count > 0 ? Buffer.alloc(count) : null);
      },
      highWaterMark: 1024,
    });
    const done: (() => void)[] = [];
    const { to, seen } = writes((taken) => done.push(taken));
    carry(from, to);
    await once(from, 'pause');
    await turn();
    assert.ok(to.writableLength >= CARRY_BYTES, `${to.writableLength}`);
    assert.ok(to.writableLength < CARRY_BYTES + 2048, `${to.writableLength}`);
    const finished = once(to, 'finish');
    const going = setInterval(() => done.shift()?.());
    t.after(() => clearInterval(going));
    await finished;
    assert.equal(seen.join('').replaceAll('+', '').length, bytes);
  });

  it('not after it was let go, but for what had come', async () => {
    const from = new PassThrough();
    const { to, seen } = writes();
    const release = carry(from, to);
    from.write('a');
    await turn();
    from.write('b');
    release();
    assert.deepEqual(seen, ['a', 'b']);
    from.end('c');
    await turn();
    assert.deepEqual(seen, ['a', 'b']);
    assert.equal(to.writableEnded, false);
    assert.equal(from.isPaused(), true);
    assert.deepEqual([from.listenerCount('data'), to.listenerCount('drain')], [0, 0]);
    assert.equal(from.read()?.toString(), 'c');
  });
});
