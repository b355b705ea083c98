import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { UdpRelay } from '../../../images/network/udp.ts';
import { type Datagram, DatagramDecoder, encodeDatagram } from '../../../src/tunnel/datagram.ts';
import { ResetCode } from '../../../src/tunnel/errors.ts';
import { decodeRequest, type StreamRequest } from '../../../src/tunnel/request.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { type TunnelPair, tunnelPair } from '../../tunnel/tunnel-pair.ts';

/** Sockets that are in use at once, as documented. */
const MAX_ASSOCIATIONS = 1_024;

let pair: TunnelPair;
let relay: UdpRelay;
let linked: boolean;
/** What the proxy was asked for. */
let asked: StreamRequest[];
/** To whom the namespace's sockets are connected, by port. */
let connected: Map<number, { address: Buffer; port: number }>;
/** The proxy's ends, in the order in which they were opened, with what arrived there. */
let sockets: { stream: TunnelStream; received: Datagram[] }[];

beforeEach(async () => {
  linked = true;
  asked = [];
  connected = new Map();
  const mine: typeof sockets = [];
  sockets = mine;
  pair = await tunnelPair({
    onStream(stream, payload) {
      asked.push(decodeRequest(payload));
      stream.accept();
      const decoder = new DatagramDecoder();
      const received: Datagram[] = [];
      stream.on('data', (chunk: Buffer) => received.push(...decoder.push(chunk)));
      mine.push({ stream, received });
    },
  });
  relay = new UdpRelay(
    () => (linked ? pair.agent.tunnel : undefined),
    (port) => connected.get(port),
  );
});

const datagram = (text: string, port = 53): Datagram => ({
  address: Buffer.from([10, 43, 0, 10]),
  port,
  payload: Buffer.from(text),
});

/** Sends from a port of the namespace; gives what comes back to it. */
function send(port: number, text: string, to = 53): Datagram[] {
  const heard: Datagram[] = [];
  relay.send(port, datagram(text, to), (back) => heard.push(back));
  return heard;
}

const texts = (list: readonly Datagram[] | undefined) => (list ?? []).map(({ payload }) => `${payload}`);

describe('the sockets of the namespace', () => {
  it('are one in the pod each, whoever they send to', async () => {
    send(40_000, 'one', 53);
    send(40_000, 'two', 54);
    send(40_001, 'three');
    await pair.settle();
    assert.equal(sockets.length, 2);
    assert.deepEqual(asked, [{ kind: 'udp' }, { kind: 'udp' }]);
    assert.deepEqual(sockets[0]?.received, [datagram('one', 53), datagram('two', 54)]);
    assert.deepEqual(sockets[1]?.received, [datagram('three')]);
  });

  it('hear what comes back to them, from whomever', async () => {
    const heard = send(40_000, 'question');
    const other = send(40_001, 'question');
    await pair.settle();
    sockets[0]?.stream.write(encodeDatagram(datagram('answer')));
    sockets[0]?.stream.write(encodeDatagram(datagram('from another', 7)));
    await pair.settle();
    assert.deepEqual(heard, [datagram('answer'), datagram('from another', 7)]);
    assert.deepEqual(other, []);
  });

  it('that are connected are so in the pod, until they send to somebody else', async () => {
    connected.set(40_000, { address: Buffer.from([10, 43, 0, 10]), port: 53 });
    send(40_000, 'one');
    send(40_000, 'two');
    await pair.settle();
    assert.deepEqual(asked, [{ kind: 'udp', peer: { address: '10.43.0.10', port: 53 } }]);
    connected.delete(40_000);
    sockets[0]?.stream.on('error', () => {});
    send(40_000, 'three', 54);
    await pair.settle();
    assert.deepEqual(asked.at(-1), { kind: 'udp' });
    assert.deepEqual(
      sockets.map(({ stream, received }) => [stream.destroyed, texts(received)]),
      [
        [true, ['one', 'two']],
        [false, ['three']],
      ],
    );
  });

  it('send what is lost while there is no link, and what arrives once there is', async () => {
    linked = false;
    send(40_000, 'lost');
    linked = true;
    send(40_000, 'there');
    await pair.settle();
    assert.equal(sockets.length, 1);
    assert.deepEqual(texts(sockets[0]?.received), ['there']);
  });

  it('get another one in the pod when the first is gone', async () => {
    send(40_000, 'one');
    await pair.settle();
    sockets[0]?.stream.on('error', () => {});
    sockets[0]?.stream.reset(ResetCode.cancelled, 'nothing for two minutes');
    await pair.settle();
    const heard = send(40_000, 'two');
    await pair.settle();
    assert.deepEqual(texts(sockets[1]?.received), ['two']);
    sockets[1]?.stream.write(encodeDatagram(datagram('answer')));
    await pair.settle();
    assert.deepEqual(texts(heard), ['answer']);
  });

  it('lose what does not fit, instead of keeping it', async () => {
    const socket = await blocked();
    for (let n = 0; n < 2_000; n++) send(40_000, 'x'.repeat(10_000));
    await pair.settle();
    const [near] = socket();
    assert.ok(near, 'the stream is there');
    assert.ok(near.writableLength < 256 * 1024, `${near.writableLength} bytes wait`);
    assert.equal(near.destroyed, false);
  });

  it('are so many at most; the one that was quiet for longest makes room', async () => {
    for (let port = 1; port <= MAX_ASSOCIATIONS; port++) send(port, 'x');
    await pair.settle();
    assert.equal(pair.agent.tunnel.streams, MAX_ASSOCIATIONS);
    send(1, 'again'); // so 2 is the quietest now
    send(50_000, 'one more');
    await pair.settle();
    assert.equal(pair.agent.tunnel.streams, MAX_ASSOCIATIONS);
    assert.equal(sockets.length, MAX_ASSOCIATIONS + 1);
    assert.equal(sockets[0]?.stream.destroyed, false);
    assert.equal(sockets[1]?.stream.destroyed, true);
    assert.deepEqual(texts(sockets[0]?.received), ['x', 'again']);
    assert.deepEqual(texts(sockets.at(-1)?.received), ['one more']);
    send(2, 'back');
    await pair.settle();
    assert.deepEqual(texts(sockets.at(-1)?.received), ['back']);
  });

  it('are cut when the pod says what is no datagram, and nobody else is', async () => {
    send(40_000, 'x');
    send(40_001, 'y');
    await pair.settle();
    sockets[0]?.stream.on('error', () => {});
    sockets[0]?.stream.write(Buffer.from([0, 1, 7]));
    await pair.settle();
    assert.equal(sockets[0]?.stream.destroyed, true);
    assert.equal(sockets[1]?.stream.destroyed, false);
    assert.deepEqual(pair.agent.closed, []);
  });

  it('are cut when what came cannot be given to them', async () => {
    relay.send(40_000, datagram('x'), () => {
      throw new RangeError('it does not fit a packet');
    });
    await pair.settle();
    sockets[0]?.stream.on('error', () => {});
    sockets[0]?.stream.write(encodeDatagram(datagram('answer')));
    await pair.settle();
    assert.equal(sockets[0]?.stream.destroyed, true);
    assert.deepEqual(pair.agent.closed, []);
  });
});

/** Keeps the link from taking anything, and gives the agent's streams. */
async function blocked(): Promise<() => TunnelStream[]> {
  const opened: TunnelStream[] = [];
  const { tunnel } = pair.agent;
  const open = tunnel.open.bind(tunnel);
  tunnel.open = (request) => {
    const stream = open(request);
    opened.push(stream);
    return stream;
  };
  pair.agent.link.capacity = 1;
  pair.agent.link.hold();
  return () => opened;
}
