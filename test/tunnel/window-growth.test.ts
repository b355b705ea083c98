import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  KNOWN_WINDOW_PART,
  MAX_STREAM_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
  WINDOW_GAIN,
  WINDOW_GROWTH_BYTES,
} from '../../src/tunnel/limits.ts';
import { WindowGrowth } from '../../src/tunnel/window-growth.ts';
import { ScriptedClock } from './clock.ts';

const ROUND_TRIP_MS = 20;

/** Reads a window's worth of a stream each `ms`, so many times; gives its window then. */
function readAll(
  windows: WindowGrowth,
  clock: ScriptedClock,
  stream: { window: number },
  ms: number,
  times: number,
) {
  for (let turn = 0; turn < times; turn++) {
    clock.advance(ms);
    stream.window += windows.growth(stream, stream.window, ROUND_TRIP_MS);
  }
  return stream.window;
}

const stream = () => ({ window: STREAM_WINDOW_BYTES });

/** A stream that was read so many times, a window's worth in each round trip, and is over. */
function earlier(windows: WindowGrowth, clock: ScriptedClock, times: number) {
  const each = stream();
  readAll(windows, clock, each, ROUND_TRIP_MS, times);
  windows.forget(each);
  return each;
}

describe('a window', () => {
  it('grows while it is used up within a few round trips, up to its bound', () => {
    const clock = new ScriptedClock();
    const windows = new WindowGrowth(clock);
    assert.equal(readAll(windows, clock, stream(), ROUND_TRIP_MS, 3), WINDOW_GAIN ** 2 * STREAM_WINDOW_BYTES);
    assert.equal(readAll(windows, clock, stream(), ROUND_TRIP_MS, 20), MAX_STREAM_WINDOW_BYTES);
  });

  it('grows already when half of it is used up within one, and not when that takes longer', () => {
    const clock = new ScriptedClock();
    const windows = new WindowGrowth(clock);
    const grows = (ms: number) => {
      const each = stream();
      assert.equal(windows.growth(each, STREAM_WINDOW_BYTES, ROUND_TRIP_MS), 0, 'nobody knows since when');
      clock.advance(ms);
      return windows.growth(each, STREAM_WINDOW_BYTES / 2, ROUND_TRIP_MS);
    };
    assert.equal(grows(ROUND_TRIP_MS - 1), (WINDOW_GAIN - 1) * STREAM_WINDOW_BYTES);
    assert.equal(grows(ROUND_TRIP_MS), 0);
  });

  it('stays where its reader is what is slow', () => {
    const clock = new ScriptedClock();
    const windows = new WindowGrowth(clock);
    const slow = stream();
    readAll(windows, clock, slow, ROUND_TRIP_MS, 2);
    const before = slow.window;
    assert.equal(readAll(windows, clock, slow, 10 * ROUND_TRIP_MS, 20), before);
  });

  it('is as large at once as an earlier one had to grow, where its reader is as fast', () => {
    const clock = new ScriptedClock();
    const windows = new WindowGrowth(clock);
    earlier(windows, clock, 20);
    const [fast, slow] = [stream(), stream()];
    const known = STREAM_WINDOW_BYTES + WINDOW_GROWTH_BYTES * KNOWN_WINDOW_PART;
    assert.equal(readAll(windows, clock, fast, ROUND_TRIP_MS, 2), known);
    assert.equal(readAll(windows, clock, slow, 10 * ROUND_TRIP_MS, 20), STREAM_WINDOW_BYTES);
  });

  it('is known on a path by what was needed, and leaves some for those that begin beside it', () => {
    const clock = new ScriptedClock();
    const windows = new WindowGrowth(clock);
    const needed = WINDOW_GAIN * STREAM_WINDOW_BYTES;
    assert.equal(earlier(windows, clock, 2).window, needed);
    assert.equal(readAll(windows, clock, stream(), ROUND_TRIP_MS, 2), needed, 'no more than that');
    earlier(windows, clock, 20);
    const eight = Array.from({ length: 8 }, stream);
    for (const each of eight) readAll(windows, clock, each, ROUND_TRIP_MS, 2);
    for (const { window } of eight) assert.ok(window >= needed, `${window}`);
  });

  it('shares with all others what they may grow by together, and gives it back', () => {
    const clock = new ScriptedClock();
    const windows = new WindowGrowth(clock);
    const streams = Array.from({ length: 8 }, stream);
    for (const each of streams) readAll(windows, clock, each, ROUND_TRIP_MS, 20);
    const grown = () => streams.reduce((sum, { window }) => sum + window - STREAM_WINDOW_BYTES, 0);
    assert.equal(grown(), WINDOW_GROWTH_BYTES);
    assert.equal(streams.at(-1)?.window, STREAM_WINDOW_BYTES);
    const [first] = streams.splice(0, 1);
    if (first) windows.forget(first);
    for (const each of streams) readAll(windows, clock, each, ROUND_TRIP_MS, 20);
    assert.equal(grown(), WINDOW_GROWTH_BYTES);
  });
});
