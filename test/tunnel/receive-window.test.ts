import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CREDIT_PART } from '../../src/tunnel/limits.ts';
import { ReceiveWindow } from '../../src/tunnel/receive-window.ts';

const SIZE = 1_000;
const DUE = SIZE * CREDIT_PART;

describe('a receive window', () => {
  it('lets the peer send its size, and no byte more', () => {
    const window = new ReceiveWindow(SIZE);
    assert.equal(window.arrived(SIZE), true);
    assert.equal(window.arrived(1), false);
  });

  it('is granted again when a part of it was read', () => {
    const window = new ReceiveWindow(SIZE);
    window.arrived(SIZE);
    assert.equal(window.read(DUE - 1), false);
    assert.equal(window.read(1), true);
    assert.equal(
      window.grant(() => 0),
      DUE,
    );
    assert.equal(window.read(1), false);
    assert.equal(window.arrived(DUE), true);
    assert.equal(window.arrived(1), false);
  });

  it('grows by what is said for what was read', () => {
    const window = new ReceiveWindow(SIZE);
    window.arrived(SIZE);
    window.read(DUE);
    const asked: number[] = [];
    const credit = window.grant((read) => {
      asked.push(read, window.size);
      return SIZE;
    });
    assert.deepEqual(
      { asked, credit, size: window.size },
      { asked: [DUE, SIZE], credit: DUE + SIZE, size: 2 * SIZE },
    );
    assert.equal(window.arrived(credit), true);
    assert.equal(window.read(2 * DUE - 1), false);
    assert.equal(window.read(1), true);
  });
});
