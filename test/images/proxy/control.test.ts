import assert from 'node:assert/strict';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { afterEach, describe, it } from 'node:test';
import { type ControlOptions, EventFeed, serveCall } from '../../../images/proxy/control.ts';
import { Fallback } from '../../../images/proxy/fallback.ts';
import type { Phase, PodView } from '../../../src/tunnel/control.ts';
import { ResetCode, type StreamReset } from '../../../src/tunnel/errors.ts';
import { encodeMessage, MessageDecoder } from '../../../src/tunnel/message.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { tunnelPair } from '../../tunnel/tunnel-pair.ts';
import { closeAll, closedPort, quiet, serve, until } from '../sockets.ts';

const PHASES: Phase[] = [];
const SERVED: number[] = [];

const OPTIONS: ControlOptions = {
  environment: { A: 'a\nb', PATH: '/bin' },
  addresses: ['10.42.0.9'],
  fallback: undefined,
  onPhase: (phase) => PHASES.push(phase),
  onServe: async (ports) => void SERVED.push(...ports),
};

/** What the proxy answers to `bytes` on a stream for a call. */
async function answer(bytes: Buffer, options: Partial<ControlOptions> = {}): Promise<unknown> {
  const pair = await tunnelPair({ onStream: (stream) => serveCall(stream, { ...OPTIONS, ...options }) });
  const stream = pair.agent.tunnel.open(Buffer.from('{}'));
  stream.end(bytes);
  const decoder = new MessageDecoder();
  const messages: unknown[] = [];
  for await (const chunk of stream) messages.push(...decoder.push(chunk as Buffer));
  assert.equal(messages.length, 1, 'one answer');
  return messages[0];
}

const call = (message: unknown, options?: Partial<ControlOptions>) => answer(encodeMessage(message), options);

describe('a call', () => {
  afterEach(closeAll);

  it('adds ports that the pod answers on, and says why it cannot', async () => {
    assert.deepEqual(await call({ call: 'serve', ports: [9090] }), { result: null });
    assert.deepEqual(SERVED, [9090]);
    const onServe = async () => {
      throw new Error('listen EACCES: permission denied 0.0.0.0:80');
    };
    assert.deepEqual(await call({ call: 'serve', ports: [80] }, { onServe }), {
      error: 'listen EACCES: permission denied 0.0.0.0:80',
    });
  });

  it('is told what the pod looks like', async () => {
    const { result } = (await call({ call: 'describe' })) as { result: PodView };
    assert.deepEqual(result.environment, { A: 'a\nb', PATH: '/bin' });
    assert.deepEqual(result.addresses, ['10.42.0.9']);
    assert.equal(result.hostname, hostname());
    assert.equal(typeof result.resolvConf, 'string');
  });

  it('changes the phase', async () => {
    PHASES.length = 0;
    assert.deepEqual(await call({ call: 'phase', phase: 'leaving' }), { result: null });
    assert.deepEqual(PHASES, ['leaving']);
  });

  it('is told that the DNS is silent, and nothing is dialled then', async () => {
    const fallback = new Fallback({ name: 'x', own: [] });
    fallback.heardOf = async () => new Error('queryA ETIMEOUT x');
    fallback.dial = () => assert.fail('dialled');
    assert.deepEqual(await call({ call: 'probe', ports: [80], udp: [53] }, { fallback }), {
      result: [
        { port: 53, protocol: 'UDP', failure: 'queryA ETIMEOUT x' },
        { port: 80, failure: 'queryA ETIMEOUT x' },
      ],
    });
  });

  it('is told of each port whether an original pod accepts there', async () => {
    const open = await serve((socket) => socket.resume(), '127.0.0.2');
    const closed = await closedPort();
    const fallback = new Fallback({ name: 'x', own: [], resolve: async () => ['127.0.0.2'] });
    const dialOnce = fallback.dial.bind(fallback);
    fallback.dial = (port, peer, signal) => dialOnce(port, peer, signal, 0); // as when three seconds are over
    const { result } = (await call({ call: 'probe', ports: [open, closed] }, { fallback })) as {
      result: { port: number; failure?: string }[];
    };
    assert.deepEqual(result[0], { port: open });
    assert.equal(result[1]?.port, closed);
    assert.match(result[1]?.failure ?? '', /ECONNREFUSED/);
  });

  it('is told that there is no fallback', async () => {
    const { result } = (await call({ call: 'probe', ports: [80] })) as { result: unknown[] };
    assert.deepEqual(result, [{ port: 80, failure: 'there is no fallback' }]);
  });

  it('that does not exist, or makes no sense, is told so, and ends nothing but itself', async () => {
    for (const message of [null, 7, {}, { call: 'reboot' }]) {
      assert.deepEqual(await call(message), { error: 'an unknown call' });
    }
    const { error } = (await call({ call: 'probe', ports: 'all' })) as { error: string };
    assert.equal(typeof error, 'string');
    const thrown = await call({ call: 'phase' }, { onPhase: () => assert.fail('no such phase') });
    assert.deepEqual(thrown, { error: 'no such phase' });
  });

  it('that is no message is reset', async () => {
    const pair = await tunnelPair({ onStream: (stream) => serveCall(stream, OPTIONS) });
    const stream = pair.agent.tunnel.open(Buffer.from('{}'));
    stream.write('not JSON\n');
    const [error] = (await once(stream, 'error')) as [StreamReset];
    assert.equal(error.code, ResetCode.badRequest);
  });
});

describe('events', () => {
  /** A watcher: its own end of the stream, and the proxy's. */
  async function watcher(feed: EventFeed) {
    let far: TunnelStream | undefined;
    const pair = await tunnelPair({
      onStream(stream) {
        far = stream;
        feed.add(stream);
      },
    });
    const near = pair.agent.tunnel.open(Buffer.from('{}'));
    near.on('error', () => {});
    await pair.settle();
    return { near, pair, far: () => far as TunnelStream };
  }

  const heard = (stream: TunnelStream) => {
    const decoder = new MessageDecoder();
    const events: unknown[] = [];
    stream.on('data', (chunk: Buffer) => events.push(...decoder.push(chunk)));
    return events;
  };

  it('are told to all who watch', async () => {
    const feed = new EventFeed();
    const [one, two] = [await watcher(feed), await watcher(feed)];
    const events = [heard(one.near), heard(two.near)];
    feed.tell({ event: 'answered', port: 8080, peer: '10.0.0.7' });
    feed.tell({ event: 'ending' });
    await until(() => events.every(({ length }) => length === 2));
    for (const each of events) {
      assert.deepEqual(each, [{ event: 'answered', port: 8080, peer: '10.0.0.7' }, { event: 'ending' }]);
    }
  });

  it('are nobody’s once the watcher has gone', async () => {
    const feed = new EventFeed();
    const { near, pair, far } = await watcher(feed);
    near.destroy();
    await pair.settle();
    assert.equal(far().destroyed, true);
    feed.tell({ event: 'ending' });
    await quiet(10);
  });

  it('are dropped for a watcher that does not read', async () => {
    const feed = new EventFeed();
    const { far } = await watcher(feed);
    const message = 'x'.repeat(1_000);
    for (let n = 0; n < 2_000; n++) feed.tell({ event: 'warning', message });
    assert.ok(far().writableLength < 128 * 1024, `${far().writableLength} bytes wait`);
  });
});
