import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CloseCode, ResetCode, StreamReset, type TunnelError } from '../../src/tunnel/errors.ts';
import { FrameType, MAX_PAYLOAD_BYTES } from '../../src/tunnel/frame.ts';
import { receiveHello } from '../../src/tunnel/greeting.ts';
import * as limits from '../../src/tunnel/limits.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { type LinkState, Tunnel, type TunnelOptions } from '../../src/tunnel/tunnel.ts';
import { pattern, read } from './bytes.ts';
import { ScriptedClock } from './clock.ts';
import { type LinkScript, linkPair, type ScriptedLink, settle } from './link-pair.ts';
import { HELLO, RawPeer } from './raw-peer.ts';

/** Two tunnels that outlive their links, as agent and proxy do. */
class Resumable {
  readonly clock = new ScriptedClock();
  readonly agent: Tunnel;
  readonly proxy: Tunnel;
  readonly streams: TunnelStream[] = [];
  readonly closed: (TunnelError | undefined)[] = [];
  readonly states: LinkState[] = [];
  near: ScriptedLink;
  far: ScriptedLink;

  constructor(
    script: LinkScript = {},
    onStream?: (stream: TunnelStream) => void,
    own: Pick<TunnelOptions, 'resumeLimitMs'> = {},
  ) {
    [this.near, this.far] = linkPair(script);
    const common = {
      clock: this.clock,
      resumable: () => true,
      ...own,
      onClosed: (error?: TunnelError) => void this.closed.push(error),
    };
    this.proxy = new Tunnel({
      link: this.far,
      role: 'proxy',
      dialled: false,
      onStream: onStream ?? ((stream) => void this.streams.push(stream)),
      ...common,
    });
    this.agent = new Tunnel({
      link: this.near,
      role: 'agent',
      dialled: true,
      session: 'test',
      onLink: (state) => void this.states.push(state),
      ...common,
    });
  }

  cut(): void {
    this.near.cut(new Error('cut'));
  }

  /** Joins both over another link. */
  async relink(script: LinkScript = {}): Promise<void> {
    [this.near, this.far] = linkPair(script);
    const greeting = receiveHello(this.far, this.clock);
    this.agent.resume(this.near);
    this.proxy.resume(this.far, await greeting);
    await this.settle();
  }

  settle(): Promise<void> {
    return settle(this.near, this.far);
  }

  /** An open stream, both of its ends. */
  async stream(): Promise<[TunnelStream, TunnelStream]> {
    const near = this.agent.open(Buffer.from('{}'));
    await this.settle();
    const far = this.streams.at(-1);
    assert.ok(far);
    far.accept();
    await this.settle();
    return [near, far];
  }
}

describe('a session whose link is cut', () => {
  it('keeps its streams, and sends again what the peer has not had', async () => {
    const pair = new Resumable();
    await pair.settle();
    const [near, far] = await pair.stream();
    const heard = read(far);
    const answered = read(near);
    pair.far.hold();
    pair.near.hold();
    near.write('lost on its way, ');
    far.write('so is this, ');
    await pair.settle();
    pair.cut();
    near.write('written without a link, ');
    far.end('and the end');
    await pair.settle();
    assert.deepEqual(pair.closed, []);
    assert.equal(heard.bytes.toString() + answered.bytes.toString(), '');

    await pair.relink();
    near.end('written after');
    await pair.settle();
    assert.equal(heard.bytes.toString(), 'lost on its way, written without a link, written after');
    assert.equal(answered.bytes.toString(), 'so is this, and the end');
    assert.deepEqual([heard.ended, answered.ended, heard.errors, answered.errors], [true, true, [], []]);
    assert.deepEqual(pair.states, ['down', 'up']);
    assert.equal(pair.agent.figures.resumed, 1);
  });

  it('loses and doubles no byte, wherever links are cut', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.integer({ min: 1, max: 5_000 }), async (moves, size) => {
        const pair = new Resumable();
        await pair.settle();
        const [near, far] = await pair.stream();
        const [down, up] = [read(near), read(far)];
        const sent = pattern(600_000);
        for (let at = 0; at < sent.length; at += 50_000) {
          near.write(sent.subarray(at, at + 50_000));
          far.write(sent.subarray(at, at + 50_000));
        }
        near.end();
        far.end();
        for (const move of moves) {
          pair.cut();
          // The cut falls into the midst of a frame, of a batch, or of the hello.
          let left = move;
          await pair
            .relink({
              chunk: () => {
                if (--left === 0) setImmediate(() => pair.cut());
                return size;
              },
            })
            .catch((error: TunnelError) => assert.equal(error.code, CloseCode.linkLost));
          await pair.settle();
        }
        await pair.relink();
        await pair.settle();
        assert.deepEqual(pair.closed, []);
        assert.ok(down.bytes.equals(sent) && up.bytes.equals(sent), 'byte for byte');
        assert.deepEqual([down.ended, up.ended], [true, true]);
      }),
      { numRuns: 40 },
    );
  });

  it('takes new streams meanwhile, and opens them later', async () => {
    const pair = new Resumable();
    await pair.settle();
    pair.cut();
    const near = pair.agent.open(Buffer.from('{}'));
    near.end('a request');
    const gone = pair.agent.open(Buffer.from('{}'));
    gone.destroy();
    await pair.relink();
    assert.equal(pair.streams.length, 1, 'the other never was');
    const [far] = pair.streams;
    assert.ok(far);
    far.accept();
    const heard = read(far);
    await pair.settle();
    assert.equal(heard.bytes.toString(), 'a request');
  });

  it('bears any number of streams that come and go meanwhile', async () => {
    const pair = new Resumable();
    await pair.settle();
    pair.cut();
    for (let count = 0; count < 2 * limits.MAX_CONTROL_FRAMES; count++) {
      pair.agent.open(Buffer.from('{}')).destroy();
    }
    assert.deepEqual(pair.closed, []);
    await pair.relink();
    await pair.stream();
    assert.equal(pair.streams.length, 1);
  });

  it('hears of a reset that came in between', async () => {
    const pair = new Resumable();
    await pair.settle();
    const [near, far] = await pair.stream();
    const seen = read(near);
    pair.cut();
    far.reset(ResetCode.connectionReset, 'the peer is gone');
    await pair.relink();
    const [error] = seen.errors;
    assert.ok(error instanceof StreamReset && error.code === ResetCode.connectionReset);
  });

  it('is given up after the limit, not sooner', async () => {
    const pair = new Resumable();
    await pair.settle();
    const [near] = await pair.stream();
    const seen = read(near);
    pair.cut();
    pair.clock.advance(limits.RESUME_LIMIT_MS - 1);
    assert.equal(pair.closed.length, 0);
    pair.clock.advance(1);
    assert.deepEqual(
      pair.closed.map((error) => error?.code),
      [CloseCode.linkLost, CloseCode.linkLost],
    );
    await pair.settle();
    assert.equal(seen.errors.length, 1);
    assert.throws(() => pair.agent.resume(linkPair()[0]), { code: CloseCode.linkLost });
    assert.equal(pair.clock.pending, 0);
  });

  it('is given up after another limit where one is set', async () => {
    const pair = new Resumable({}, undefined, { resumeLimitMs: 300_000 });
    await pair.settle();
    pair.cut();
    pair.clock.advance(299_999);
    assert.equal(pair.closed.length, 0);
    pair.clock.advance(1);
    assert.equal(pair.closed.length, 2);
  });

  it('has its whole time again after each link', async () => {
    const pair = new Resumable();
    await pair.settle();
    for (let round = 0; round < 3; round++) {
      pair.cut();
      pair.clock.advance(limits.RESUME_LIMIT_MS - 1);
      await pair.relink();
    }
    pair.clock.advance(limits.PING_INTERVAL_MS);
    await pair.settle();
    assert.deepEqual(pair.closed, []);
  });

  it('does not get more time from links that bring no hello', async () => {
    const pair = new Resumable();
    await pair.settle();
    pair.cut();
    for (let passed = 0; passed < limits.RESUME_LIMIT_MS; passed += limits.HELLO_TIMEOUT_MS) {
      pair.agent.resume(linkPair()[0]);
      pair.clock.advance(limits.HELLO_TIMEOUT_MS);
    }
    assert.equal(pair.agent.closed, true);
  });

  it('drops a link that is still open when another one comes', async () => {
    const pair = new Resumable();
    await pair.settle();
    const [near, far] = await pair.stream();
    const { near: old } = pair;
    const heard = read(far);
    await pair.relink();
    near.write('over the new one');
    await pair.settle();
    assert.equal(old.closed, true);
    assert.equal(heard.bytes.toString(), 'over the new one');
    assert.deepEqual(pair.closed, []);
  });

  it('keeps no more than the window for the next link', async () => {
    const pair = new Resumable({}, (stream) => stream.accept());
    await pair.settle();
    const streams = Array.from({ length: 40 }, () => pair.agent.open(Buffer.from('{}')));
    await pair.settle();
    // The clock stands still, and nothing is acknowledged: as little may be on its way as ever.
    const before = Buffer.concat(pair.near.sent).length;
    pair.far.hold();
    const full = streams.map((stream) => stream.write(pattern(1024 * 1024)));
    assert.deepEqual(new Set(full), new Set([false]));
    await pair.settle();
    const kept = Buffer.concat(pair.near.sent).length - before;
    assert.ok(kept >= limits.MIN_FLIGHT_BYTES && kept <= limits.MIN_FLIGHT_BYTES + MAX_PAYLOAD_BYTES + 1024);
    pair.cut();
    // All of it is acknowledged by the hello of the next link, and what follows has the same bound.
    [pair.near, pair.far] = linkPair();
    const greeting = receiveHello(pair.far, pair.clock);
    pair.agent.resume(pair.near);
    pair.proxy.resume(pair.far, await greeting);
    pair.near.hold();
    await pair.settle();
    assert.ok(pair.near.onTheWay <= limits.MIN_FLIGHT_BYTES + MAX_PAYLOAD_BYTES + 1024);
  });

  it('says when the peer is silent, and when it is heard again', async () => {
    const pair = new Resumable();
    await pair.settle();
    pair.far.hold();
    const beat = async (count: number) => {
      for (let at = 0; at < count; at++) {
        pair.clock.advance(limits.PING_INTERVAL_MS);
        await pair.settle();
      }
    };
    await beat(limits.SILENT_BEATS);
    assert.deepEqual(pair.states, ['silent']);
    pair.far.release();
    await pair.settle();
    assert.deepEqual(pair.states, ['silent', 'up']);
    pair.far.hold();
    await beat(limits.SILENCE_LIMIT_MS / limits.PING_INTERVAL_MS);
    assert.deepEqual(pair.states, ['silent', 'up', 'silent', 'down']);
  });

  it('is not resumed when it was closed in good order', async () => {
    const pair = new Resumable();
    await pair.settle();
    pair.agent.close();
    await pair.settle();
    assert.deepEqual(pair.closed, [undefined, undefined]);
  });
});

describe('a hello on a later link', () => {
  /** A peer that has met a resumable tunnel, whose link is then cut. */
  async function lost() {
    const peer = await RawPeer.met(undefined, () => true);
    peer.theirs.cut();
    await peer.settle();
    assert.deepEqual(peer.closed, []);
    return peer;
  }

  for (const [what, hello] of [
    ['another role', { ...HELLO, role: 'control' as const }],
    ['another window', { ...HELLO, window: 1 }],
    ['other streams', { ...HELLO, streams: 1 }],
    ['another session', { ...HELLO, session: 'other' }],
    ['an acknowledgement of what was never sent', { ...HELLO, expected: 3 }],
  ] as const) {
    it(`ends the session with ${what}`, async () => {
      const peer = await lost();
      const [link] = linkPair();
      peer.tunnel.resume(link, hello);
      assert.deepEqual(
        peer.closed.map((error) => error?.code),
        [CloseCode.protocolError],
      );
    });
  }

  it('comes before all else, and once', async () => {
    const peer = await lost();
    const [theirs, link] = linkPair();
    peer.tunnel.resume(theirs, HELLO);
    await settle(theirs, link);
    link.send([Buffer.concat([theirs.sent[0] ?? Buffer.alloc(0)])]);
    await settle(theirs, link);
    assert.match(peer.closed[0]?.message ?? '', /second hello/);
  });
});

describe('the greeting of a link', () => {
  it('is refused where another frame comes first, and the peer is told why', async () => {
    const [ours, theirs] = linkPair();
    const greeting = receiveHello(ours, new ScriptedClock());
    theirs.send([Buffer.from([FrameType.ack, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0])]);
    await assert.rejects(greeting, { code: CloseCode.protocolError });
    await settle(ours, theirs);
    assert.equal(ours.frames()[0]?.type, FrameType.close);
    assert.equal(ours.closed, true);
  });

  it('ends when none comes in time, or the link closes', async () => {
    const clock = new ScriptedClock();
    const [first, second] = [linkPair()[0], linkPair()[0]];
    const silent = receiveHello(first, clock);
    clock.advance(limits.HELLO_TIMEOUT_MS);
    await assert.rejects(silent, { code: CloseCode.linkLost, message: 'no hello from the peer' });
    const cut = receiveHello(second, clock);
    second.cut();
    await assert.rejects(cut, { code: CloseCode.linkLost });
    assert.equal(clock.pending, 0);
  });
});
