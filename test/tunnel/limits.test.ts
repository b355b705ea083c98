import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HEADER_BYTES, MAX_PAYLOAD_BYTES } from '../../src/tunnel/frame.ts';
import * as limits from '../../src/tunnel/limits.ts';

describe('limits that lean on each other', () => {
  it('have acknowledgements come well before a sender has to stop', () => {
    assert.ok(limits.ACK_AFTER_BYTES + HEADER_BYTES + MAX_PAYLOAD_BYTES <= limits.SESSION_WINDOW_BYTES / 4);
  });

  it('leave no frame without credit to begin it, and no stream without one frame', () => {
    assert.ok(limits.QUANTUM_BYTES <= MAX_PAYLOAD_BYTES);
    assert.ok(limits.QUANTUM_BYTES <= limits.SHARED_STREAM_BYTES);
    assert.ok(limits.SHARED_STREAM_BYTES <= limits.STREAM_WINDOW_BYTES);
  });

  it('count silence in whole heartbeats', () => {
    assert.equal(limits.SILENCE_LIMIT_MS % limits.PING_INTERVAL_MS, 0);
  });
});
