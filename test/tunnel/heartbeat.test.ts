import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CloseCode } from '../../src/tunnel/errors.ts';
import { FrameType } from '../../src/tunnel/frame.ts';
import { HELLO_TIMEOUT_MS, PING_INTERVAL_MS, SILENCE_LIMIT_MS } from '../../src/tunnel/limits.ts';
import { Tunnel } from '../../src/tunnel/tunnel.ts';
import { ScriptedClock } from './clock.ts';
import { linkPair, settle } from './link-pair.ts';
import { RawPeer } from './raw-peer.ts';
import { tunnelPair } from './tunnel-pair.ts';

describe('the heartbeat', () => {
  it('pings in its interval, and answers a ping with the same bytes', async () => {
    const peer = await RawPeer.met();
    peer.clock.advance(PING_INTERVAL_MS - 1);
    await peer.settle();
    assert.equal(peer.heard(FrameType.ping).length, 0);
    peer.clock.advance(1);
    await peer.settle();
    assert.equal(peer.heard(FrameType.ping).length, 1);
    await peer.frame(FrameType.ping, Buffer.from('12345678'));
    assert.deepEqual(
      peer.heard(FrameType.pong).map(({ payload }) => payload.toString()),
      ['12345678'],
    );
  });

  it('keeps a quiet session alive', async () => {
    const pair = await tunnelPair();
    for (let passed = 0; passed < 10 * SILENCE_LIMIT_MS; passed += PING_INTERVAL_MS) {
      pair.clock.advance(PING_INTERVAL_MS);
      await pair.settle();
    }
    assert.deepEqual([...pair.agent.closed, ...pair.proxy.closed], []);
  });

  it('tells how long the peer has been silent', async () => {
    const peer = await RawPeer.met();
    peer.clock.advance(30);
    assert.equal(peer.tunnel.silenceMs, 30);
    await peer.frame(FrameType.ping, Buffer.from('12345678'));
    assert.equal(peer.tunnel.silenceMs, 0);
  });

  it('keeps a slow link alive', async () => {
    const pair = await tunnelPair({ delayMs: 1_500 });
    for (let passed = 0; passed < 10 * SILENCE_LIMIT_MS; passed += 500) {
      pair.clock.advance(500);
      await pair.settle();
    }
    assert.deepEqual([...pair.agent.closed, ...pair.proxy.closed], []);
  });

  it('gives up a link that is silent for the limit, not sooner', async () => {
    const peer = await RawPeer.met();
    for (let passed = PING_INTERVAL_MS; passed < SILENCE_LIMIT_MS; passed += PING_INTERVAL_MS) {
      peer.clock.advance(PING_INTERVAL_MS);
      await peer.settle();
      assert.deepEqual(peer.closed, []);
    }
    peer.clock.advance(PING_INTERVAL_MS);
    await peer.settle();
    assert.deepEqual(
      peer.closed.map((error) => error?.code),
      [CloseCode.linkLost],
    );
    assert.match(peer.closed[0]?.message ?? '', /nothing heard/);
    assert.equal(peer.theirs.closed, true);
  });

  it('takes any byte for a sign of life', async () => {
    const peer = await RawPeer.met();
    const frame = peer.numbered(FrameType.open, 1, 'a long request'.repeat(10));
    for (const byte of frame.subarray(0, 40)) {
      await peer.bytes(Buffer.from([byte]));
      peer.clock.advance(PING_INTERVAL_MS);
      await peer.settle();
    }
    assert.deepEqual(peer.closed, []);
  });

  it('does not take a pause of its own process for silence of the peer', async () => {
    // After SIGSTOP or a long block, the late timer runs before what waits in the socket is read.
    const late: (() => void)[] = [];
    const clock = new ScriptedClock();
    const [near, far] = linkPair();
    const closed: unknown[] = [];
    let now = 0;
    const paused = {
      now: () => now,
      after: (_ms: number, run: () => void) => {
        late.push(run);
        return () => {};
      },
    };
    const tunnel = new Tunnel({
      link: near,
      role: 'agent',
      dialled: true,
      session: 'test',
      clock: paused,
      onClosed: (error) => closed.push(error),
    });
    const peer = new Tunnel({ link: far, role: 'proxy', dialled: false, clock });
    await settle(near, far);
    await Promise.all([tunnel.ready, peer.ready]);
    now += 100 * SILENCE_LIMIT_MS;
    late.at(-1)?.();
    await settle(near, far);
    assert.deepEqual(closed, []);
    peer.close();
    await settle(near, far);
  });
});

describe('the wait for a hello', () => {
  for (const dialled of [true, false]) {
    it(`ends at its limit for the end that ${dialled ? 'dialled' : 'did not dial'}`, async () => {
      const clock = new ScriptedClock();
      const [near, far] = linkPair();
      const closed: (string | undefined)[] = [];
      const tunnel = new Tunnel({
        link: near,
        role: 'agent',
        dialled,
        session: 'test',
        clock,
        onClosed: (error) => closed.push(error?.message),
      });
      clock.advance(HELLO_TIMEOUT_MS - 1);
      assert.deepEqual(closed, []);
      clock.advance(1);
      assert.deepEqual(closed, ['no hello from the peer']);
      await assert.rejects(tunnel.ready, { code: CloseCode.linkLost });
      await settle(near, far);
      assert.equal(near.closed, true);
      assert.equal(clock.pending, 0);
    });
  }
});
