import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { SHARED_FOR_MS, SMALL_TURN_BYTES } from '../../src/tunnel/limits.ts';
import { Sharing } from '../../src/tunnel/sharing.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { ScriptedClock } from './clock.ts';

let clock: ScriptedClock;
let sharing: Sharing;

beforeEach(() => {
  clock = new ScriptedClock();
  clock.advance(1);
  sharing = new Sharing(clock);
});

const stream = (id: number, hasData = false) => ({ id, hasData }) as TunnelStream;

describe('the link', () => {
  const [one, two] = [stream(1), stream(3)];

  it('is shared for a while after a small request', () => {
    assert.equal(sharing.now, false);
    sharing.note(one, 100);
    assert.equal(sharing.now, true);
    clock.advance(SHARED_FOR_MS);
    assert.equal(sharing.now, false);
  });

  it('is not shared by the end of a piece of bulk, nor by one of which more waits', () => {
    sharing.note(one, SMALL_TURN_BYTES);
    sharing.note(one, 100);
    sharing.note(stream(5, true), 100);
    assert.equal(sharing.now, false);
  });

  it('is not shared by the head of an answer whose body is bulk', () => {
    sharing.note(one, 100);
    sharing.note(one, SMALL_TURN_BYTES);
    assert.equal(sharing.now, false);
  });

  it('is shared by other streams’ requests all the same', () => {
    sharing.note(two, 100);
    clock.advance(10);
    sharing.note(one, 100);
    sharing.note(one, SMALL_TURN_BYTES);
    assert.equal(sharing.now, true);
    clock.advance(SHARED_FOR_MS - 10);
    assert.equal(sharing.now, false);
  });

  it('is shared by a request that came before the heads of several answers', () => {
    const three = stream(5);
    sharing.note(two, 100);
    for (const each of [one, three]) {
      clock.advance(10);
      sharing.note(each, 100);
      sharing.note(each, SMALL_TURN_BYTES);
    }
    assert.equal(sharing.now, true);
    clock.advance(SHARED_FOR_MS - 20);
    assert.equal(sharing.now, false);
  });

  it('is not shared by the heads of answers that go on together', () => {
    sharing.note(one, 100);
    sharing.note(two, 100);
    sharing.note(one, SMALL_TURN_BYTES);
    sharing.note(two, SMALL_TURN_BYTES);
    assert.equal(sharing.now, false);
  });

  it('is shared by a request that comes after the head of bulk', () => {
    sharing.note(one, 100);
    sharing.note(two, 100);
    sharing.note(one, SMALL_TURN_BYTES);
    assert.equal(sharing.now, true);
  });
});
