import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { decodeReason } from '../../src/tunnel/decode.ts';
import { encodeReason } from '../../src/tunnel/encode.ts';
import { CloseCode, ResetCode, StreamReset, TunnelError } from '../../src/tunnel/errors.ts';
import { FrameType } from '../../src/tunnel/frame.ts';
import { decodeHello, encodeHello } from '../../src/tunnel/hello.ts';
import { MAX_STREAMS, STREAM_WINDOW_BYTES } from '../../src/tunnel/limits.ts';
import { Tunnel } from '../../src/tunnel/tunnel.ts';
import { pattern, read, watch } from './bytes.ts';
import { ScriptedClock } from './clock.ts';
import { linkPair, settle } from './link-pair.ts';
import { HELLO, RawPeer } from './raw-peer.ts';
import { openStream, tunnelPair } from './tunnel-pair.ts';

const lastClose = (frames: { type: number; payload: Buffer }[]) => {
  const frame = frames.findLast(({ type }) => type === FrameType.close);
  return frame && decodeReason(frame.payload);
};

describe('the handshake', () => {
  it('begins with the end that dialled, and the other repeats the session', async () => {
    const pair = await tunnelPair({ session: 'abc-1' });
    const hellos = [pair.agent, pair.proxy].map(({ link }) => {
      const [first] = link.frames();
      assert.equal(first?.type, FrameType.hello);
      return decodeHello(first.payload);
    });
    const common = { session: 'abc-1', window: STREAM_WINDOW_BYTES, streams: MAX_STREAMS, expected: 0 };
    assert.deepEqual(hellos, [
      { role: 'agent', ...common },
      { role: 'proxy', ...common },
    ]);
    assert.equal((await pair.agent.tunnel.ready).role, 'proxy');
    assert.equal((await pair.proxy.tunnel.ready).role, 'agent');
  });

  it('is waited for by the end that did not dial: it says nothing before', async () => {
    const peer = new RawPeer();
    await peer.settle();
    assert.equal(peer.received.length, 0);
    await peer.hello();
    assert.equal(peer.received[0]?.type, FrameType.hello);
  });

  it('comes before any stream', async () => {
    const [link] = linkPair();
    const tunnel = new Tunnel({
      link,
      role: 'agent',
      dialled: true,
      session: 'test',
      clock: new ScriptedClock(),
    });
    assert.throws(() => tunnel.open(Buffer.from('{}')), TunnelError);
  });

  it('is for the session that was asked for', async () => {
    const clock = new ScriptedClock();
    const [near, far] = linkPair();
    const closed: (TunnelError | undefined)[] = [];
    const options = { clock, onClosed: (error?: TunnelError) => closed.push(error) };
    new Tunnel({ link: far, role: 'proxy', dialled: false, session: 'mine', ...options });
    new Tunnel({ link: near, role: 'agent', dialled: true, session: 'other', ...options });
    await settle(near, far);
    assert.deepEqual(
      closed.map((error) => error?.code),
      [CloseCode.protocolError, CloseCode.protocolError],
    );
    assert.match(closed[1]?.message ?? '', /hello for session other/);
  });

  it('refuses to go on with a session that it does not know', async () => {
    const peer = new RawPeer();
    await peer.hello({ ...HELLO, expected: 7 });
    assert.equal(peer.closed[0]?.code, CloseCode.unknownSession);
    assert.deepEqual(peer.heard(FrameType.hello), []);
  });
});

describe('another version', () => {
  /** A hello of version 3; what follows the version may be anything. */
  const payload = encodeHello(HELLO);
  payload.writeUInt16BE(3, 2);

  it('of the end that dialled is answered by a close which says why', async () => {
    const peer = new RawPeer();
    await peer.frame(FrameType.hello, payload);
    assert.equal(peer.closed[0]?.code, CloseCode.versionMismatch);
    assert.deepEqual(
      peer.received.map(({ type }) => type),
      [FrameType.close],
    );
    assert.deepEqual(lastClose(peer.received), {
      code: CloseCode.versionMismatch,
      reason: 'the peer speaks version 3 of the tunnel, this is version 2',
    });
    await assert.rejects(peer.tunnel.ready, { code: CloseCode.versionMismatch });
  });

  it('of the end that was dialled is told to the one that dialled, as the words of the peer', async () => {
    const [near, far] = linkPair();
    const closed: (TunnelError | undefined)[] = [];
    const tunnel = new Tunnel({
      link: near,
      role: 'agent',
      dialled: true,
      session: 'test',
      clock: new ScriptedClock(),
      onClosed: (error) => closed.push(error),
    });
    far.onBytes = () => {
      const reason = encodeReason(
        CloseCode.versionMismatch,
        'the peer speaks version 1 of the tunnel, this is version 2',
      );
      far.send([
        Buffer.from([FrameType.close, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, reason.length]),
        reason,
      ]);
    };
    await settle(near, far);
    const message = 'the peer closed the session: the peer speaks version 1 of the tunnel, this is version 2';
    assert.deepEqual(
      closed.map((error) => [error?.code, error?.message]),
      [[CloseCode.versionMismatch, message]],
    );
    await assert.rejects(tunnel.ready, { message });
  });

  it('in the answer to a hello ends the session too', async () => {
    const [near, far] = linkPair();
    const closed: (TunnelError | undefined)[] = [];
    new Tunnel({
      link: near,
      role: 'agent',
      dialled: true,
      session: 'test',
      clock: new ScriptedClock(),
      onClosed: (error) => closed.push(error),
    });
    const header = Buffer.alloc(16);
    header.writeUInt8(FrameType.hello, 0);
    header.writeUInt32BE(payload.length, 12);
    far.send([header, payload]);
    await settle(near, far);
    assert.deepEqual(
      closed.map((error) => error?.code),
      [CloseCode.versionMismatch],
    );
  });
});

describe('the end of a session', () => {
  it('in good order is no error for either end', async () => {
    const pair = await tunnelPair();
    pair.agent.tunnel.close();
    await pair.settle();
    assert.deepEqual([pair.agent.closed, pair.proxy.closed], [[undefined], [undefined]]);
    assert.deepEqual([pair.agent.link.closed, pair.proxy.link.closed], [true, true]);
  });

  it('says its code and reason to both', async () => {
    const pair = await tunnelPair();
    pair.proxy.tunnel.close(CloseCode.superseded, 'another agent took over');
    await pair.settle();
    assert.deepEqual(
      [...pair.agent.closed, ...pair.proxy.closed].map((error) => [error?.code, error?.message]),
      [
        [CloseCode.superseded, 'the peer closed the session: another agent took over'],
        [CloseCode.superseded, 'another agent took over'],
      ],
    );
  });

  it('by a code that is not known counts as internal', async () => {
    const peer = await RawPeer.met();
    await peer.frame(FrameType.close, encodeReason(999, ''));
    assert.equal(peer.closed[0]?.code, CloseCode.internal);
    assert.equal(peer.closed[0]?.message, 'the peer closed the session');
  });

  it('by a dead link says what killed it', async () => {
    const pair = await tunnelPair();
    pair.agent.link.cut(new Error('read ECONNRESET'));
    for (const { closed } of [pair.agent, pair.proxy]) {
      assert.deepEqual(
        closed.map((error) => [error?.code, error?.message]),
        [[CloseCode.linkLost, 'the link closed: read ECONNRESET']],
      );
    }
  });

  it('is told once, however it is caused', async () => {
    const pair = await tunnelPair();
    pair.agent.tunnel.close();
    pair.agent.tunnel.close(CloseCode.internal, 'again');
    pair.proxy.tunnel.close();
    pair.agent.link.cut();
    await pair.settle();
    assert.deepEqual([pair.agent.closed, pair.proxy.closed], [[undefined], [undefined]]);
  });

  for (const [how, end] of [
    ['a close', (pair: Awaited<ReturnType<typeof tunnelPair>>) => pair.agent.tunnel.close()],
    ['a lost link', (pair: Awaited<ReturnType<typeof tunnelPair>>) => pair.agent.link.cut()],
    [
      'a broken rule',
      (pair: Awaited<ReturnType<typeof tunnelPair>>) => pair.proxy.link.send([Buffer.alloc(16)]),
    ],
  ] as const) {
    it(`by ${how} gives every stream an error and leaves no timer`, async () => {
      const pair = await tunnelPair();
      const [near, far] = await openStream(pair);
      const [idle, idleFar] = await openStream(pair);
      const waiting = pair.agent.tunnel.open(Buffer.from('{}'));
      const accepting = assert.rejects(once(waiting, 'accept'), TunnelError);
      const seen = [near, far, idle, idleFar].map(watch);
      far.write('unacknowledged');
      near.write(pattern(2 * STREAM_WINDOW_BYTES));
      const written = new Promise((resolve) => {
        near.write('waits', resolve);
      });
      const writing = assert.rejects(once(near, 'drain'), TunnelError);
      await pair.settle();
      end(pair);
      await pair.settle();
      await Promise.all([accepting, writing]);
      assert.ok((await written) instanceof Error);
      for (const { errors, closed } of seen) {
        assert.equal(closed, true);
        assert.equal(errors.length, 1);
        assert.ok(errors[0] instanceof TunnelError);
      }
      assert.deepEqual([pair.agent.tunnel.streams, pair.proxy.tunnel.streams], [0, 0]);
      assert.deepEqual([pair.agent.closed.length, pair.proxy.closed.length], [1, 1]);
      assert.equal(pair.clock.pending, 0);
    });
  }

  it('leaves nothing to open, write or hear', async () => {
    const pair = await tunnelPair();
    const [near] = await openStream(pair);
    watch(near);
    pair.agent.tunnel.close();
    assert.throws(() => pair.agent.tunnel.open(Buffer.from('{}')), TunnelError);
    const sent = pair.agent.link.sent.length;
    near.write('too late');
    near.reset(ResetCode.cancelled, '');
    await pair.settle();
    assert.equal(pair.agent.link.sent.length, sent);
  });

  it('passes a full link with its reason, as the last frame', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    read(far);
    pair.agent.link.capacity = 1;
    pair.agent.link.hold();
    watch(near);
    near.write(pattern(400_000));
    await pair.settle();
    pair.agent.tunnel.close(CloseCode.internal, 'enough');
    pair.agent.link.release();
    await pair.settle();
    assert.equal(pair.agent.link.frames().at(-1)?.type, FrameType.close);
    assert.equal(pair.proxy.closed[0]?.message, 'the peer closed the session: enough');
  });

  it('may be asked for from anywhere, and the peer still learns why', async () => {
    const places: ((pair: Awaited<ReturnType<typeof tunnelPair>>, close: () => void) => Promise<void>)[] = [
      async (pair, close) => {
        const [near] = await openStream(pair);
        watch(near);
        near.write('last words', close);
      },
      async (pair, close) => {
        const [near, far] = await openStream(pair);
        watch(near);
        near.on('data', close);
        far.write('leave');
      },
      async (pair, close) => {
        const [near] = await openStream(pair);
        near.on('error', () => {});
        near.on('drain', close);
        near.write(pattern(100_000));
      },
      async (pair, close) => {
        const near = pair.agent.tunnel.open(Buffer.from('{}'));
        watch(near);
        near.on('accept', close);
        await pair.settle();
        pair.proxy.streams[0]?.accept();
      },
    ];
    for (const place of places) {
      const pair = await tunnelPair();
      await place(pair, () => pair.agent.tunnel.close(CloseCode.internal, 'because'));
      await pair.settle();
      assert.deepEqual(
        pair.proxy.closed.map((error) => error?.message),
        ['the peer closed the session: because'],
      );
    }
  });

  it('makes the tunnel deaf to what was still on its way', async () => {
    const given: string[] = [];
    const peer = await RawPeer.met((_stream, request) => given.push(request.toString()));
    peer.theirs.hold(); // the tunnel's end of the link stays open while it closes
    peer.tunnel.close();
    await peer.stream(FrameType.open, 1, 'late');
    await peer.bytes(Buffer.alloc(100, 0xff));
    assert.deepEqual(given, []);
    assert.deepEqual(peer.closed, [undefined]);
    assert.equal(peer.tunnel.streams, 0);
    assert.equal(peer.clock.pending, 0);
  });

  it('by an error in a handler is told to the peer, and the error is not swallowed', async () => {
    const bug = new Error('a bug');
    const peer = new RawPeer(() => {
      throw bug;
    });
    await peer.hello();
    assert.throws(() => peer.theirs.onBytes(peer.numbered(FrameType.open, 1, '{}')), bug);
    await peer.settle();
    assert.equal(lastClose(peer.received)?.code, CloseCode.internal);
    assert.equal(peer.closed.length, 1);
  });
});

describe('streams beyond the count that the peer takes', () => {
  it('are reset at once, without a word to the peer', async () => {
    const [near, far] = linkPair();
    const tunnel = new Tunnel({
      link: near,
      role: 'agent',
      dialled: true,
      session: 'test',
      clock: new ScriptedClock(),
    });
    const header = Buffer.alloc(16);
    const hello = encodeHello({ ...HELLO, role: 'proxy', streams: 2 });
    header.writeUInt8(FrameType.hello, 0);
    header.writeUInt32BE(hello.length, 12);
    far.send([header, hello]);
    await settle(near, far);
    const [first, second, third] = [1, 2, 3].map(() => tunnel.open(Buffer.from('{}')));
    assert.ok(first && second && third);
    await assert.rejects(once(third, 'accept'), (error) => {
      assert.ok(error instanceof StreamReset);
      assert.equal(error.code, ResetCode.tooManyStreams);
      return true;
    });
    assert.equal(tunnel.streams, 2);
    const opened = () =>
      near
        .frames()
        .filter(({ stream }) => stream > 0)
        .map(({ type, stream }) => [type, stream]);
    assert.deepEqual(opened(), [
      [FrameType.open, 1],
      [FrameType.open, 3],
    ]);
    // One that ends makes room, and no number is left out.
    first.destroy();
    const fourth = tunnel.open(Buffer.from('{}'));
    await settle(near, far);
    assert.deepEqual(opened().at(-1), [FrameType.open, 5]);
    for (const stream of [second, fourth]) watch(stream);
    near.cut();
  });
});
