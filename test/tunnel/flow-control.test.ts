import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { decodeUint32 } from '../../src/tunnel/decode.ts';
import { FrameType, HEADER_BYTES, MAX_PAYLOAD_BYTES } from '../../src/tunnel/frame.ts';
import {
  BATCH_BYTES,
  MIN_FLIGHT_BYTES,
  PING_INTERVAL_MS,
  QUANTUM_BYTES,
  SESSION_WINDOW_BYTES,
  SHARED_FLIGHT_BYTES,
  SHARED_FOR_MS,
  SHARED_QUANTUM_BYTES,
  STREAM_WINDOW_BYTES,
} from '../../src/tunnel/limits.ts';
import { pattern, read } from './bytes.ts';
import type { ScriptedLink } from './link-pair.ts';
import { HELLO, RawPeer } from './raw-peer.ts';
import { openStream, type TunnelPair, tunnelPair } from './tunnel-pair.ts';

/** Bytes of data that an end has sent on a stream. */
const dataSent = (link: ScriptedLink, id: number) =>
  link
    .frames()
    .filter(({ type, stream }) => type === FrameType.data && stream === id)
    .reduce((sum, { payload }) => sum + payload.length, 0);

/** Everything an end has sent in numbered frames, headers included. */
const sequencedSent = (link: ScriptedLink) =>
  link
    .frames()
    .filter(({ stream }) => stream > 0)
    .reduce((sum, { payload }) => sum + HEADER_BYTES + payload.length, 0);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const numberedFrames = (link: ScriptedLink) => link.frames().filter(({ stream }) => stream > 0);

describe('a stream that nobody reads', () => {
  it('is sent its window and no more', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    near.write(pattern(4 * STREAM_WINDOW_BYTES));
    await pair.settle();
    assert.equal(dataSent(pair.agent.link, near.id), STREAM_WINDOW_BYTES);
    assert.equal(far.readableLength <= STREAM_WINDOW_BYTES, true);
    assert.equal(near.writableNeedDrain, true);
  });

  it('does not stall another one', async () => {
    const pair = await tunnelPair();
    const [stuck] = await openStream(pair);
    stuck.write(pattern(4 * STREAM_WINDOW_BYTES));
    await pair.settle();
    const [near, far] = await openStream(pair);
    const seen = read(far);
    near.end(pattern(3 * STREAM_WINDOW_BYTES));
    await pair.settle();
    assert.ok(seen.bytes.equals(pattern(3 * STREAM_WINDOW_BYTES)));
    assert.ok(seen.ended);
  });

  it('goes on, whole, when it is read', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    near.end(pattern(4 * STREAM_WINDOW_BYTES));
    await pair.settle();
    const seen = read(far);
    await pair.settle();
    assert.ok(seen.bytes.equals(pattern(4 * STREAM_WINDOW_BYTES)));
    assert.ok(seen.ended);
  });

  it('that stops being read holds at most its window and a read', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    let taken = 0;
    far.on('data', (chunk: Buffer) => {
      taken += chunk.length;
      if (taken > STREAM_WINDOW_BYTES) far.pause();
    });
    near.write(pattern(8 * STREAM_WINDOW_BYTES));
    await pair.settle();
    const held = dataSent(pair.agent.link, near.id) - taken;
    assert.ok(taken > STREAM_WINDOW_BYTES);
    // What the Readable has taken over counts as read: up to its high water mark and one frame.
    assert.ok(held <= STREAM_WINDOW_BYTES + 2 * MAX_PAYLOAD_BYTES, `${held}`);
  });

  for (const state of ['never read', 'paused']) {
    it(`keeps no more memory than it holds bytes while it is ${state}, however small its frames among others`, async () => {
      const peer = await RawPeer.met();
      await peer.stream(FrameType.open, 1, '{}');
      await peer.stream(FrameType.open, 3, '{}');
      if (state === 'paused') peer.streams[0]?.once('data', () => peer.streams[0]?.pause());
      await peer.stream(FrameType.data, 1, 'x');
      peer.streams[1]?.resume();
      const before = process.memoryUsage().arrayBuffers;
      for (let turn = 0; turn < 1000; turn++) {
        // One byte for the stream that nobody reads, in a chunk of its own with 64 KiB for one that is read.
        const chunk = [
          peer.numbered(FrameType.data, 1, 'x'),
          peer.numbered(FrameType.data, 3, pattern(65_000)),
        ];
        peer.theirs.onBytes(Buffer.concat(chunk));
        if (turn % 2 === 0) await peer.settle();
      }
      assert.equal(peer.closed.length, 0);
      let kept = Number.POSITIVE_INFINITY;
      // What is collected is given back a little later, by another thread.
      for (let tries = 0; tries < 100 && kept > 16 * 1024 * 1024; tries++) {
        collectGarbage();
        await immediate();
        kept = process.memoryUsage().arrayBuffers - before;
      }
      assert.ok(kept < 16 * 1024 * 1024, `${kept} bytes are kept for 1000`);
    });
  }
});

describe('credit', () => {
  it('is granted for what was read, in portions that are worth a frame', async () => {
    const peer = await RawPeer.met();
    await peer.stream(FrameType.open, 1, '{}');
    const credits = () => peer.heard(FrameType.credit).map(({ payload }) => decodeUint32(payload));
    for (let sent = 0; sent < STREAM_WINDOW_BYTES; sent += 1024) {
      await peer.stream(FrameType.data, 1, pattern(1024));
    }
    assert.deepEqual(credits(), []);
    peer.streams[0]?.resume();
    await peer.settle();
    const granted = credits().reduce((sum, bytes) => sum + bytes, 0);
    assert.ok(granted <= STREAM_WINDOW_BYTES && granted > (STREAM_WINDOW_BYTES * 3) / 4 - 1024, `${granted}`);
    assert.ok(credits().every((bytes) => bytes >= 16 * 1024));
    assert.ok(peer.heard(FrameType.credit).every(({ stream }) => stream === 1));
  });

  it('is not granted after the end: nothing more may come', async () => {
    const peer = await RawPeer.met();
    await peer.stream(FrameType.open, 1, '{}');
    for (let sent = 0; sent < STREAM_WINDOW_BYTES; sent += MAX_PAYLOAD_BYTES) {
      await peer.stream(FrameType.data, 1, pattern(MAX_PAYLOAD_BYTES));
    }
    await peer.stream(FrameType.end, 1);
    peer.streams[0]?.resume();
    await peer.settle();
    assert.equal(peer.streams[0]?.readableEnded, true);
    assert.deepEqual(peer.heard(FrameType.credit), []);
  });

  it('is the window that the peer gave in its hello, and what it adds', async () => {
    const peer = new RawPeer((stream) => {
      stream.accept();
      stream.write(pattern(5000));
    });
    await peer.hello({ ...HELLO, window: 1000 });
    await peer.stream(FrameType.open, 1, '{}');
    const sent = () => peer.heard(FrameType.data).reduce((sum, { payload }) => sum + payload.length, 0);
    assert.equal(sent(), 1000);
    await peer.stream(FrameType.credit, 1, 1);
    assert.equal(sent(), 1001);
    await peer.stream(FrameType.credit, 1, 100_000);
    assert.equal(sent(), 5000);
  });

  it('is not needed for the end of a stream', async () => {
    const peer = new RawPeer((stream) => {
      stream.accept();
      stream.end();
    });
    await peer.hello({ ...HELLO, window: 0 });
    await peer.stream(FrameType.open, 1, '{}');
    assert.equal(peer.heard(FrameType.end).length, 1);
  });
});

describe('a full link', () => {
  it('stops the sending, so that what waits stays with the streams and is bounded', async () => {
    const pair = await tunnelPair();
    const [near] = await openStream(pair);
    pair.agent.link.capacity = 1;
    pair.agent.link.hold();
    let accepted = 0;
    while (near.write(pattern(16 * 1024))) accepted++;
    const written = near.writableLength + pair.agent.link.onTheWay;
    await pair.settle();
    assert.ok(accepted < 16, `${accepted} writes`);
    assert.ok(pair.agent.link.onTheWay <= BATCH_BYTES + MAX_PAYLOAD_BYTES);
    assert.ok(written <= 4 * MAX_PAYLOAD_BYTES + 1024, `${written} bytes`);
  });

  it('is given at most one batch at a time', async () => {
    const pair = await tunnelPair();
    const streams = await Promise.all(Array.from({ length: 8 }, () => openStream(pair)));
    pair.agent.link.capacity = 1;
    pair.agent.link.hold();
    for (const [near] of streams) near.write(pattern(100_000));
    await pair.settle();
    // A batch closes with the frame that fills it.
    assert.ok(pair.agent.link.onTheWay < BATCH_BYTES + QUANTUM_BYTES + HEADER_BYTES + 100);
  });

  it('goes on where it stopped when it has drained', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    const seen = read(far);
    pair.agent.link.capacity = 1;
    pair.agent.link.hold();
    near.end(pattern(300_000));
    await pair.settle();
    assert.equal(seen.bytes.length, 0);
    pair.agent.link.release();
    await pair.settle();
    assert.ok(seen.bytes.equals(pattern(300_000)));
    assert.ok(seen.ended);
  });

  it('does not keep a stream of the other direction from arriving', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    const seen = read(near);
    pair.agent.link.capacity = 1;
    pair.agent.link.hold();
    near.write(pattern(300_000));
    far.end(pattern(STREAM_WINDOW_BYTES)); // for more, credit would have to pass the full link
    await pair.settle();
    assert.ok(seen.bytes.equals(pattern(STREAM_WINDOW_BYTES)));
  });
});

describe('what may be on its way', () => {
  /** Enough streams to pass it, each with half of its window. */
  const EACH_BYTES = STREAM_WINDOW_BYTES / 2;
  const STREAMS = Math.ceil(MIN_FLIGHT_BYTES / EACH_BYTES) + 4;

  /** A pair whose agent has as much to send as it may, while nothing is acknowledged. */
  async function unacknowledged(): Promise<TunnelPair> {
    const pair = await tunnelPair();
    const streams = await Promise.all(Array.from({ length: STREAMS }, () => openStream(pair)));
    pair.clock.advance(50);
    await pair.settle();
    pair.agent.link.hold();
    for (const [near] of streams) near.write(pattern(EACH_BYTES));
    await pair.settle();
    return pair;
  }

  it('stops the sending while nothing is acknowledged', async () => {
    const pair = await unacknowledged();
    assert.ok(pair.agent.link.onTheWay >= MIN_FLIGHT_BYTES);
    assert.ok(pair.agent.link.onTheWay < MIN_FLIGHT_BYTES + QUANTUM_BYTES + HEADER_BYTES);
  });

  it('holds control frames too, while answers to pings still pass', async () => {
    const pair = await unacknowledged();
    const before = numberedFrames(pair.agent.link).length;
    const sent = pair.agent.link.sent.length;
    pair.agent.tunnel.open(Buffer.from('{}'));
    pair.clock.advance(PING_INTERVAL_MS);
    await pair.settle();
    assert.equal(numberedFrames(pair.agent.link).length, before);
    const types = new Set(
      pair.agent.link
        .frames()
        .slice(-2)
        .map(({ type }) => type),
    );
    assert.ok(pair.agent.link.sent.length > sent);
    assert.deepEqual(types, new Set([FrameType.ping, FrameType.pong]));
  });

  it('goes on with each acknowledgement', async () => {
    const pair = await unacknowledged();
    for (const stream of pair.proxy.streams) stream.resume();
    pair.agent.link.release();
    await pair.settle();
    pair.clock.advance(50);
    await pair.settle();
    assert.ok(sequencedSent(pair.agent.link) > STREAMS * EACH_BYTES);
    const read = pair.agent.link.frames().filter(({ type }) => type === FrameType.data);
    assert.equal(
      read.reduce((sum, { payload }) => sum + payload.length, 0),
      STREAMS * EACH_BYTES,
    );
  });
});

describe('many streams', () => {
  it('leave one that is alone its whole window', async () => {
    const pair = await tunnelPair();
    const [near] = await openStream(pair);
    near.write(pattern(STREAM_WINDOW_BYTES * 2));
    await pair.settle();
    assert.equal(dataSent(pair.agent.link, near.id), STREAM_WINDOW_BYTES);
  });

  it('carry bulk to its end, though none of them ever goes quiet', async () => {
    const pair = await tunnelPair();
    const streams = [await openStream(pair), await openStream(pair), await openStream(pair)];
    const seen = streams.map(([, far]) => read(far));
    for (const [near] of streams) near.end(pattern(5 * STREAM_WINDOW_BYTES));
    await pair.settle();
    for (const { bytes, ended } of seen) {
      assert.ok(bytes.equals(pattern(5 * STREAM_WINDOW_BYTES)) && ended, `${bytes.length} bytes`);
    }
  });
});

describe('a small request beside bulk', () => {
  it('waits behind little: bulk has as much on its way as the path holds, and all again when it is alone', async () => {
    const pair = await tunnelPair();
    const [bulk] = await openStream(pair);
    const [small] = await openStream(pair);
    pair.clock.advance(50);
    await pair.settle();
    pair.agent.link.hold();
    small.write('a request');
    await pair.settle();
    bulk.write(pattern(4 * STREAM_WINDOW_BYTES));
    await pair.settle();
    const beside = pair.agent.link.onTheWay;
    assert.ok(
      beside >= SHARED_FLIGHT_BYTES && beside <= SHARED_FLIGHT_BYTES + SHARED_QUANTUM_BYTES + 1024,
      `${beside}`,
    );
    pair.clock.advance(SHARED_FOR_MS);
    pair.agent.tunnel.open(Buffer.from('{}')); // something to look again for
    await pair.settle();
    assert.equal(dataSent(pair.agent.link, bulk.id), STREAM_WINDOW_BYTES);
  });
});

describe('a long path', () => {
  const ROUND_TRIP_MS = 80;

  /** Sends for `seconds` over a path of 80 ms that carries `bytesPerMs`, and gives the bytes that arrived in the last of them. */
  async function arrivedInLastSecond(
    seconds: number,
  ): Promise<{ bytes: number; pair: TunnelPair; held: number }> {
    const pair = await tunnelPair({ delayMs: ROUND_TRIP_MS / 2 });
    const step = async (ms: number) => {
      for (let at = 0; at < ms; at += 4) {
        pair.clock.advance(4);
        await pair.settle();
      }
    };
    await step(4 * ROUND_TRIP_MS);
    const near = pair.agent.tunnel.open(Buffer.from('{}'));
    await step(ROUND_TRIP_MS);
    const far = pair.proxy.streams[0];
    far?.accept();
    let arrived = 0;
    far?.on('data', (chunk: Buffer) => {
      arrived += chunk.length;
    });
    const fill = () => {
      while (near.write(Buffer.alloc(64 * 1024)));
    };
    near.on('drain', fill);
    await step(ROUND_TRIP_MS);
    fill();
    await step((seconds - 1) * 1_000);
    const before = arrived;
    await step(1_000);
    // Of what arrived the headers too, as of what was sent.
    const { receivedBytes } = pair.proxy.tunnel.figures;
    return { bytes: arrived - before, pair, held: sequencedSent(pair.agent.link) - receivedBytes };
  }

  it('is filled: windows grow with the product of bandwidth and delay, up to their bound', async () => {
    const { bytes, held } = await arrivedInLastSecond(3);
    const fixed = (STREAM_WINDOW_BYTES * 1_000) / ROUND_TRIP_MS;
    assert.ok(bytes > 20 * fixed, `${bytes} bytes, and ${fixed} with a window that does not grow`);
    assert.ok(held < SESSION_WINDOW_BYTES + HEADER_BYTES + MAX_PAYLOAD_BYTES, `${held} bytes on their way`);
  });
});
