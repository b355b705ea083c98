import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SendQueue } from '../../src/tunnel/send-queue.ts';

const texts = ({ payload, length }: { payload: Buffer[]; length: number }) => [
  ...payload.map(String),
  length,
];

describe('a send queue', () => {
  it('gives what was written in parts of what it was written in', () => {
    const queue = new SendQueue();
    queue.add([Buffer.from('abc'), Buffer.from('de')]);
    queue.add([Buffer.from('f')]);
    assert.equal(queue.bytes, 6);
    assert.deepEqual(texts(queue.take(4)), ['abc', 'd', 4]);
    assert.equal(queue.bytes, 2);
    assert.deepEqual(texts(queue.take(9)), ['e', 'f', 2]);
    assert.deepEqual(texts(queue.take(9)), [0]);
  });

  it('keeps nothing of what is empty, nor after it was cleared', () => {
    const queue = new SendQueue();
    queue.add([Buffer.alloc(0), Buffer.from('a')]);
    assert.deepEqual(texts(queue.take(9)), ['a', 1]);
    queue.add([Buffer.from('b')]);
    queue.clear();
    assert.equal(queue.bytes, 0);
    assert.deepEqual(texts(queue.take(9)), [0]);
  });
});
