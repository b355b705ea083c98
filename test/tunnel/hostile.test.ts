import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeReason } from '../../src/tunnel/decode.ts';
import { encodeHeader, encodeUint32 } from '../../src/tunnel/encode.ts';
import { CloseCode, ResetCode } from '../../src/tunnel/errors.ts';
import { FRAME_RULES, FrameType, MAX_PAYLOAD_BYTES } from '../../src/tunnel/frame.ts';
import { encodeHello } from '../../src/tunnel/hello.ts';
import {
  MAX_CONTROL_FRAMES,
  MAX_STREAMS,
  MIN_FLIGHT_BYTES,
  STREAM_WINDOW_BYTES,
} from '../../src/tunnel/limits.ts';
import { Tunnel } from '../../src/tunnel/tunnel.ts';
import { pattern } from './bytes.ts';
import { ScriptedClock } from './clock.ts';
import { linkPair, settle } from './link-pair.ts';
import { HELLO, RawPeer } from './raw-peer.ts';

/** The session has ended because the peer broke a rule, and the peer was told so as the last thing. */
function assertEnded(peer: RawPeer, message: RegExp): void {
  assert.deepEqual(
    peer.closed.map((error) => error?.code),
    [CloseCode.protocolError],
  );
  assert.match(peer.closed[0]?.message ?? '', message);
  const last = peer.received.at(-1);
  assert.equal(last?.type, FrameType.close);
  assert.equal(decodeReason(last.payload).code, CloseCode.protocolError);
  assert.equal(peer.theirs.closed, true);
  assert.equal(peer.tunnel.streams, 0);
  assert.equal(peer.clock.pending, 0);
}

/** A peer that has met the tunnel and has stream 1 open. */
async function opened(): Promise<RawPeer> {
  const peer = await RawPeer.met();
  await peer.stream(FrameType.open, 1, '{}');
  assert.equal(peer.streams.length, 1);
  return peer;
}

/** A peer that has met the tunnel, which has opened stream 2. */
async function openedByTunnel(): Promise<RawPeer> {
  const peer = await RawPeer.met();
  peer.tunnel.open(Buffer.from('{}')).on('error', () => {});
  await peer.settle();
  return peer;
}

describe('a peer that breaks a rule of the header', () => {
  for (const [type, rule] of FRAME_RULES) {
    for (const length of [rule.min - 1, rule.max + 1, 0xffff_ffff]) {
      if (length < 0) continue;
      it(`with ${length} bytes of ${rule.name} ends the session before they come`, async () => {
        const peer = await RawPeer.met();
        await peer.bytes(encodeHeader(type as FrameType, rule.sequenced ? 1 : 0, 0, length));
        assertEnded(peer, new RegExp(`a ${rule.name} frame of ${length} bytes`));
      });
    }
  }

  const headers: [string, Buffer, RegExp][] = [
    ['a type that does not exist', Buffer.alloc(16), /unknown frame type 0/],
    ['a flag that does not exist', encodeHeader(FrameType.end, 1, 0, 0).fill(2, 1, 2), /reserved/],
    ['a ping that asks to be acknowledged', encodeHeader(FrameType.ping, 0, 0, 8, true), /reserved/],
    ['reserved bits', encodeHeader(FrameType.end, 1, 0, 0).fill(1, 3, 4), /reserved/],
    ['data on no stream', encodeHeader(FrameType.data, 0, 0, 1), /on stream 0/],
    ['a ping on a stream', encodeHeader(FrameType.ping, 1, 0, 8), /on stream 1/],
    ['a numbered ping', encodeHeader(FrameType.ping, 0, 1, 8), /sequence number/],
  ];
  for (const [name, bytes, message] of headers) {
    it(`with ${name} ends the session`, async () => {
      const peer = await RawPeer.met();
      await peer.bytes(bytes);
      assertEnded(peer, message);
    });
  }
});

describe('a peer that breaks the order of a session', () => {
  for (const [type, rule] of FRAME_RULES) {
    if (type === FrameType.hello || type === FrameType.close) continue;
    it(`with ${rule.name} before hello ends it`, async () => {
      const peer = new RawPeer();
      const header = encodeHeader(type as FrameType, rule.sequenced ? 1 : 0, 0, rule.min);
      await peer.bytes(header, Buffer.alloc(rule.min));
      assertEnded(peer, /before hello/);
    });
  }

  it('with a second hello ends it', async () => {
    const peer = await RawPeer.met();
    await peer.hello();
    assertEnded(peer, /second hello/);
  });

  it('with a malformed hello ends it', async () => {
    const peer = new RawPeer();
    await peer.frame(FrameType.hello, Buffer.from('tp\u0000\u0002{"role":"king"}'));
    assertEnded(peer, /malformed hello: role/);
  });

  for (const [name, numbers] of [
    ['skips', [0, 2]],
    ['repeats', [0, 0]],
    ['swaps', [1, 0]],
  ] as const) {
    it(`and ${name} a sequence number ends it`, async () => {
      const peer = await RawPeer.met();
      for (const [at, sequence] of numbers.entries()) {
        await peer.bytes(encodeHeader(FrameType.open, 2 * at + 1, sequence, 2), Buffer.from('{}'));
      }
      assertEnded(peer, /frame \d, expected \d/);
    });
  }

  it('with an acknowledgement of what was never sent ends it', async () => {
    for (const expected of [1, 0xffff_ffff]) {
      const peer = await RawPeer.met();
      await peer.frame(FrameType.ack, encodeUint32(expected));
      assertEnded(peer, /never sent/);
    }
  });

  it('with an acknowledgement that goes back ends it', async () => {
    const peer = await openedByTunnel();
    await peer.frame(FrameType.ack, encodeUint32(1));
    await peer.frame(FrameType.ack, encodeUint32(1));
    assert.equal(peer.closed.length, 0);
    await peer.frame(FrameType.ack, encodeUint32(0));
    assertEnded(peer, /never sent/);
  });
});

describe('a peer that breaks a rule of streams', () => {
  it('with a number of the other parity ends the session', async () => {
    const peer = await RawPeer.met();
    await peer.stream(FrameType.open, 2, '{}');
    assertEnded(peer, /stream 2 opened out of order/);
  });

  it('with a number that was used, or below one that was, ends the session', async () => {
    for (const id of [1, 3, 5]) {
      const peer = await RawPeer.met();
      await peer.stream(FrameType.open, 5, '{}');
      await peer.stream(FrameType.reset, 5, Buffer.alloc(2));
      await peer.stream(FrameType.open, id, '{}');
      assertEnded(peer, /opened out of order/);
    }
  });

  for (const [type, rule] of FRAME_RULES) {
    if (!rule.sequenced || type === FrameType.open) continue;
    it(`with ${rule.name} on a stream never opened ends the session`, async () => {
      for (const id of [2, 3, 0xffff_ffff]) {
        const peer = await opened();
        await peer.stream(type as FrameType, id, Buffer.alloc(rule.min));
        assertEnded(peer, /never opened/);
      }
    });

    it(`with ${rule.name} on a stream that is gone does no harm`, async () => {
      const peer = await opened();
      peer.streams[0]?.destroy();
      for (let times = 0; times < 3; times++) {
        await peer.stream(type as FrameType, 1, Buffer.alloc(rule.min));
      }
      assert.equal(peer.closed.length, 0);
    });
  }

  it('with data beyond its credit ends the session', async () => {
    const peer = await opened();
    for (let sent = 0; sent < STREAM_WINDOW_BYTES; sent += MAX_PAYLOAD_BYTES) {
      await peer.stream(FrameType.data, 1, pattern(MAX_PAYLOAD_BYTES));
    }
    assert.equal(peer.closed.length, 0);
    await peer.stream(FrameType.data, 1, 'x');
    assertEnded(peer, /stream 1: data beyond its credit/);
  });

  it('with data after its end ends the session', async () => {
    const peer = await opened();
    await peer.stream(FrameType.end, 1);
    await peer.stream(FrameType.data, 1, 'x');
    assertEnded(peer, /stream 1: data beyond its credit or its end/);
  });

  it('with a second end ends the session', async () => {
    const peer = await opened();
    await peer.stream(FrameType.end, 1);
    await peer.stream(FrameType.end, 1);
    assertEnded(peer, /stream 1: ended twice/);
  });

  it('with more credit than 32 bits hold ends the session', async () => {
    const peer = await opened();
    await peer.stream(FrameType.credit, 1, 0xffff_ffff - HELLO.window);
    assert.equal(peer.closed.length, 0);
    await peer.stream(FrameType.credit, 1, 1);
    assertEnded(peer, /stream 1: more credit/);
  });

  it('with accept on a stream that it opened itself ends the session', async () => {
    const peer = await opened();
    await peer.stream(FrameType.accept, 1);
    assertEnded(peer, /stream 1: an accept/);
  });

  it('with a second accept ends the session', async () => {
    const peer = await openedByTunnel();
    await peer.stream(FrameType.accept, 2);
    assert.equal(peer.closed.length, 0);
    await peer.stream(FrameType.accept, 2);
    assertEnded(peer, /stream 2: an accept/);
  });

  for (const [type, payload] of [
    [FrameType.data, 'x'],
    [FrameType.end, ''],
  ] as const) {
    it(`with ${FRAME_RULES.get(type)?.name} before its accept ends the session`, async () => {
      const peer = await openedByTunnel();
      await peer.stream(type, 2, payload);
      assertEnded(peer, /stream 2: .* before accept/);
    });
  }
});

describe('a peer that floods', () => {
  /** Frames by the thousand, without waiting in between. */
  const flood = async (peer: RawPeer, count: number, frame: (turn: number) => Buffer) => {
    const frames = [];
    for (let turn = 0; turn < count; turn++) frames.push(frame(turn));
    await peer.bytes(...frames);
  };

  it('with streams gets those beyond the limit reset, and the others go on', async () => {
    const peer = await RawPeer.met();
    await flood(peer, MAX_STREAMS + 10, (turn) => peer.numbered(FrameType.open, 2 * turn + 1, '{}'));
    assert.equal(peer.streams.length, MAX_STREAMS);
    assert.equal(peer.tunnel.streams, MAX_STREAMS);
    const resets = peer.heard(FrameType.reset);
    assert.equal(resets.length, 10);
    assert.ok(resets.every(({ payload }) => decodeReason(payload).code === ResetCode.tooManyStreams));
    assert.equal(resets[0]?.stream, 2 * MAX_STREAMS + 1);
    await peer.stream(FrameType.reset, 1, Buffer.alloc(2));
    await peer.stream(FrameType.open, 4 * MAX_STREAMS + 1, '{}');
    assert.equal(peer.tunnel.streams, MAX_STREAMS);
    assert.equal(peer.heard(FrameType.reset).length, 10);
    assert.equal(peer.closed.length, 0);
  });

  it('with streams at an end that takes none gets each of them reset', async () => {
    const clock = new ScriptedClock();
    const [near, far] = linkPair();
    const tunnel = new Tunnel({ link: far, role: 'proxy', dialled: false, clock });
    const hello = encodeHello(HELLO);
    near.send([encodeHeader(FrameType.hello, 0, 0, hello.length), hello]);
    near.send([encodeHeader(FrameType.open, 1, 0, 1), Buffer.from('x')]);
    await settle(near, far);
    const reset = far.frames().find(({ type }) => type === FrameType.reset);
    assert.equal(decodeReason(reset?.payload ?? Buffer.alloc(2)).code, ResetCode.badRequest);
    assert.equal(tunnel.streams, 0);
    near.cut();
  });

  it('with pings, and reads no answer, makes nothing pile up', async () => {
    const peer = await RawPeer.met();
    peer.theirs.capacity = 1;
    peer.theirs.hold();
    await peer.frame(FrameType.ping, Buffer.alloc(8));
    const waiting = peer.theirs.onTheWay;
    await flood(peer, 50_000, (turn) =>
      Buffer.concat([encodeHeader(FrameType.ping, 0, 0, 8), encodeUint32(0), encodeUint32(turn)]),
    );
    assert.equal(peer.theirs.onTheWay, waiting);
    peer.theirs.release();
    await peer.settle();
    const pongs = peer.heard(FrameType.pong);
    assert.deepEqual(
      pongs.map(({ payload }) => payload.readUInt32BE(4)),
      [0, 49_999],
    );
    assert.equal(peer.closed.length, 0);
  });

  it('with streams, and reads no answer, is cut at the bound of the control frames', async () => {
    const peer = await RawPeer.met();
    peer.theirs.capacity = 1;
    peer.theirs.hold();
    await peer.frame(FrameType.ping, Buffer.alloc(8)); // whose answer fills the link
    // Each stream beyond the limit is owed a reset.
    const bound = MAX_STREAMS + MAX_CONTROL_FRAMES;
    await flood(peer, bound, (turn) => peer.numbered(FrameType.open, 2 * turn + 1, '{}'));
    assert.equal(peer.closed.length, 0);
    await peer.stream(FrameType.open, 2 * bound + 1, '{}');
    assert.deepEqual(
      peer.closed.map((error) => [error?.code, error?.message]),
      [[CloseCode.protocolError, 'the peer does not read']],
    );
    assert.equal(peer.tunnel.streams, 0);
    assert.equal(peer.clock.pending, 0);
  });

  it('with streams, and acknowledges nothing, is sent what may be on its way and then cut', async () => {
    const peer = await RawPeer.met((stream) => stream.reset(ResetCode.noListener, 'x'.repeat(500)));
    let turn = 0;
    while (peer.closed.length === 0 && turn < 100_000) {
      await flood(peer, 5000, () => peer.numbered(FrameType.open, 2 * turn++ + 1, '{}'));
    }
    assertEnded(peer, /the peer does not read/);
    const sent = peer.heard(FrameType.reset).reduce((sum, { payload }) => sum + 16 + payload.length, 0);
    assert.ok(sent >= MIN_FLIGHT_BYTES && sent < MIN_FLIGHT_BYTES + 1024, `${sent}`);
  });

  it('with acknowledgements of the same, or with empty credit, costs nothing', async () => {
    const peer = await opened();
    await flood(peer, 20_000, () => Buffer.concat([encodeHeader(FrameType.ack, 0, 0, 4), encodeUint32(0)]));
    await flood(peer, 20_000, () => peer.numbered(FrameType.credit, 1, 0));
    assert.equal(peer.closed.length, 0);
    assert.equal(peer.theirs.onTheWay, 0);
  });

  it('with data on a stream that is gone makes nothing pile up', async () => {
    const peer = await opened();
    peer.streams[0]?.destroy();
    await peer.settle();
    await flood(peer, 200, () => peer.numbered(FrameType.data, 1, pattern(MAX_PAYLOAD_BYTES)));
    assert.equal(peer.closed.length, 0);
    assert.equal(peer.tunnel.streams, 0);
  });

  it('with bytes that never make a frame is given up as one that said nothing', async () => {
    const peer = new RawPeer();
    await peer.bytes(encodeHeader(FrameType.hello, 0, 0, 4096), Buffer.alloc(4095));
    assert.equal(peer.closed.length, 0);
    peer.clock.advance(10_000);
    await peer.settle();
    assert.deepEqual(
      peer.closed.map((error) => error?.message),
      ['no hello from the peer'],
    );
  });
});
