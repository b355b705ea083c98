import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HEADER_BYTES, MAX_PAYLOAD_BYTES } from '../../src/tunnel/frame.ts';
import * as limits from '../../src/tunnel/limits.ts';

describe('limits that lean on each other', () => {
  it('have acknowledgements come well before a sender has to stop', () => {
    const frame = HEADER_BYTES + limits.SHARED_QUANTUM_BYTES;
    assert.ok(limits.SHARED_FLIGHT_BYTES * limits.ASK_PART + frame < limits.SHARED_FLIGHT_BYTES);
    assert.ok(limits.SHARED_FLIGHT_BYTES <= limits.MIN_FLIGHT_BYTES);
    assert.ok(limits.MIN_FLIGHT_BYTES <= limits.SESSION_WINDOW_BYTES);
  });

  it('have two of them due before a sender has to stop, in whole frames', () => {
    const frame = HEADER_BYTES + limits.QUANTUM_BYTES;
    // It stops with the frame that reaches its limit, and asks with the frame that reaches the part.
    const frames = (bytes: number) => Math.ceil(bytes / frame);
    for (let flight = limits.MIN_FLIGHT_BYTES; flight <= limits.SESSION_WINDOW_BYTES; flight += frame / 4) {
      assert.ok(
        2 * frames(Math.min(flight * limits.ASK_PART, limits.ASK_BYTES)) <= frames(flight),
        `${flight} bytes on their way`,
      );
    }
  });

  it('leave room for another frame in each window before its credit is used up', () => {
    assert.ok(limits.QUANTUM_BYTES <= MAX_PAYLOAD_BYTES);
    const ungranted = limits.STREAM_WINDOW_BYTES * limits.CREDIT_PART;
    assert.ok(ungranted + limits.QUANTUM_BYTES < limits.STREAM_WINDOW_BYTES);
  });

  it('let a single stream fill the session, and no more than that', () => {
    assert.ok(limits.MAX_STREAM_WINDOW_BYTES <= limits.SESSION_WINDOW_BYTES);
    assert.ok(limits.MAX_STREAM_WINDOW_BYTES <= limits.WINDOW_GROWTH_BYTES);
  });

  it('count silence in whole heartbeats', () => {
    assert.equal(limits.SILENCE_LIMIT_MS % limits.PING_INTERVAL_MS, 0);
  });
});
