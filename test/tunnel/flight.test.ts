import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Flight } from '../../src/tunnel/flight.ts';
import {
  FLIGHT_MS,
  MIN_FLIGHT_BYTES,
  PATH_MEMORY_MS,
  PROCESSING_MS,
  QUICK_SAMPLE_MS,
  RATE_SAMPLE_MS,
  SESSION_WINDOW_BYTES,
  SHARED_FLIGHT_BYTES,
} from '../../src/tunnel/limits.ts';
import { ScriptedClock } from './clock.ts';

const MIB = 1024 * 1024;

/** Keeps a path full for `ms` that carries `bytesPerMs` and takes `roundTripMs`, without a queue. */
function fly(
  flight: Flight,
  clock: ScriptedClock,
  bytesPerMs: number,
  roundTripMs: number,
  ms: number,
): void {
  const way: { departure: ReturnType<Flight['depart']>; due: number }[] = [];
  for (const end = clock.now() + ms; clock.now() < end; clock.advance(1)) {
    while (way[0] && way[0].due <= clock.now()) {
      const [{ departure }] = way.splice(0, 1) as [(typeof way)[number]];
      flight.arrive(bytesPerMs, departure);
    }
    way.push({ departure: flight.depart(way.length === 0), due: clock.now() + roundTripMs });
    flight.fill();
  }
}

/** How long (ms) it takes until a sender has as much on its way as a path holds that carries `bytesPerMs`. */
function untilFull(bytesPerMs: number, roundTripMs: number): number {
  const clock = new ScriptedClock();
  const flight = new Flight(clock);
  const way: { departed: number; bytes: number; due: number }[] = [];
  for (; clock.now() < 5_000; clock.advance(1)) {
    for (let [first] = way; first && first.due <= clock.now(); [first] = way) {
      flight.arrive(first.bytes, first.departed);
      way.shift();
    }
    const underWay = way.reduce((sum, { bytes }) => sum + bytes, 0);
    if (underWay >= 0.95 * bytesPerMs * roundTripMs) return clock.now();
    const bytes = Math.min(bytesPerMs, flight.limit(false) - underWay);
    if (bytes < bytesPerMs) flight.fill();
    if (bytes <= 0) continue;
    way.push({ departed: flight.depart(underWay === 0), bytes, due: clock.now() + roundTripMs });
  }
  throw new Error('never');
}

describe('what may be on its way', () => {
  it('is little while nothing is known of the path', () => {
    assert.equal(new Flight(new ScriptedClock()).limit(false), MIN_FLIGHT_BYTES);
  });

  it('is twice what the path holds', () => {
    const clock = new ScriptedClock();
    const flight = new Flight(clock);
    fly(flight, clock, 0.05 * MIB, 40, 1_000);
    assert.ok(Math.abs(flight.limit(false) - 2 * 0.05 * MIB * 40) < 0.2 * MIB, `${flight.limit(false)}`);
  });

  it('is three times that while the path is still found to be faster', () => {
    const clock = new ScriptedClock();
    const flight = new Flight(clock);
    /** What a path of 100 ms delivers in one sample of its rate. */
    const deliver = (bytes: number, filled = true) => {
      if (filled) flight.fill();
      const departed = flight.depart(false);
      clock.advance(RATE_SAMPLE_MS);
      flight.arrive(bytes, departed);
      return flight.limit(false) / MIB;
    };
    assert.equal(deliver(MIB), 3);
    assert.equal(deliver(MIB), 3);
    assert.equal(deliver(MIB / 2, false), 3, 'there was no more to send');
    assert.equal(deliver(MIB), 2, 'twice it was no faster');
    assert.equal(deliver(2 * MIB), 6);
    assert.ok(Math.abs(deliver(2.4 * MIB) - 7.2) < 0.001);
    assert.ok(Math.abs(deliver(2.4 * MIB) - 4.8) < 0.001, 'a little is not faster');
    flight.reset();
    assert.equal(flight.limit(false), MIN_FLIGHT_BYTES);
  });

  it('grows with each byte that is delivered while a transfer starts', () => {
    const clock = new ScriptedClock();
    const flight = new Flight(clock);
    const departed = flight.depart(true);
    clock.advance(QUICK_SAMPLE_MS - 1);
    flight.arrive(MIB, departed);
    assert.equal(flight.limit(false), MIN_FLIGHT_BYTES + 2 * MIB);
    assert.equal(flight.limit(true), SHARED_FLIGHT_BYTES);
  });

  for (const roundTripMs of [20, 80]) {
    it(`fills a path of ${roundTripMs} ms within few round trips`, () => {
      assert.ok(untilFull(0.06 * MIB, roundTripMs) <= 4.5 * roundTripMs);
    });
  }

  it('is what passes in a while on a short path, and little on one that is slow, too', () => {
    const clock = new ScriptedClock();
    const flight = new Flight(clock);
    fly(flight, clock, 0.05 * MIB, 2, 1_000);
    const passes = 0.05 * MIB * FLIGHT_MS;
    assert.ok(Math.abs(flight.limit(false) - passes) < 0.2 * MIB, `${flight.limit(false)}`);
    const slow = new Flight(clock);
    fly(slow, clock, 0.005 * MIB, 2, 1_000);
    assert.equal(slow.limit(false), MIN_FLIGHT_BYTES);
  });

  it('is bounded on a long path', () => {
    const clock = new ScriptedClock();
    const far = new Flight(clock);
    fly(far, clock, MIB, 300, 2_000);
    assert.equal(far.limit(false), SESSION_WINDOW_BYTES);
  });

  it('forgets a path that has changed, after a while', () => {
    const clock = new ScriptedClock();
    const flight = new Flight(clock);
    fly(flight, clock, 0.1 * MIB, 80, 2_000);
    const before = flight.limit(false);
    fly(flight, clock, 0.05 * MIB, 80, 3 * PATH_MEMORY_MS);
    assert.ok(flight.limit(false) < 0.6 * before, `${flight.limit(false)} of ${before}`);
  });

  it('is what the path holds and no more while small requests share it', () => {
    const clock = new ScriptedClock();
    const flight = new Flight(clock);
    assert.equal(flight.limit(true), SHARED_FLIGHT_BYTES);
    fly(flight, clock, 0.05 * MIB, 40, 1_000);
    const held = 0.05 * MIB * (40 - PROCESSING_MS);
    assert.ok(Math.abs(flight.limit(true) - held) < 0.1 * MIB, `${flight.limit(true)}`);
  });

  it('is not led astray by what piled up for a moment', () => {
    const clock = new ScriptedClock();
    const flight = new Flight(clock);
    fly(flight, clock, 0.05 * MIB, 40, 1_000);
    const before = flight.limit(false);
    const departed = flight.depart(false);
    clock.advance(40);
    for (let at = 0; at < 8; at++) flight.arrive(0.25 * MIB, departed); // the peer was stopped, and read all at once
    fly(flight, clock, 0.05 * MIB, 40, 60);
    assert.ok(flight.limit(false) < 1.6 * before, `${flight.limit(false)} after ${before}`);
  });

  it('is not led to start again by what came late and all at once', () => {
    const clock = new ScriptedClock();
    const flight = new Flight(clock);
    const [rate, roundTripMs] = [0.06 * MIB, 20];
    fly(flight, clock, rate, roundTripMs, 1_000);
    const way: { departed: number; due: number }[] = [];
    let most = 0;
    for (let at = 0; at < 1_000; at++, clock.advance(1)) {
      // Of each 110 ms the peer is stopped for 80, and then reads four times as fast.
      const reads = at % 110 < 80 ? 0 : 4;
      for (let [first] = way, n = 0; first && first.due <= clock.now() && n < reads; n++) {
        flight.arrive(rate, first.departed);
        way.shift();
        [first] = way;
      }
      way.push({ departed: flight.depart(false), due: clock.now() + roundTripMs });
      flight.fill();
      most = Math.max(most, flight.limit(false));
    }
    assert.ok(most < 4 * rate * roundTripMs, `${most / rate / roundTripMs} times what the path holds`);
  });

  it('knows nothing of another link', () => {
    const clock = new ScriptedClock();
    const flight = new Flight(clock);
    fly(flight, clock, 0.1 * MIB, 80, 2_000);
    flight.reset();
    assert.equal(flight.limit(false), MIN_FLIGHT_BYTES);
  });

  it('does not count the time in which nothing was sent', () => {
    const clock = new ScriptedClock();
    const flight = new Flight(clock);
    fly(flight, clock, 0.05 * MIB, 40, 1_000);
    const before = flight.limit(false);
    clock.advance(3_000);
    fly(flight, clock, 0.05 * MIB, 40, 1_000);
    assert.ok(Math.abs(flight.limit(false) - before) < 0.2 * MIB);
  });
});
