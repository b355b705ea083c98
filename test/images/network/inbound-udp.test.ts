import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { beforeEach, describe, it } from 'node:test';
import { InboundUdp } from '../../../images/network/inbound-udp.ts';
import { usersUdpPorts } from '../../../images/network/listening.ts';
import { parseUdp, type UdpPacket } from '../../../images/network/packet.ts';
import { DatagramDecoder, encodeDatagram } from '../../../src/tunnel/datagram.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { type TunnelPair, tunnelPair } from '../../tunnel/tunnel-pair.ts';

const POD = [Buffer.from([10, 42, 0, 9]), Buffer.from('fd000044000000000000000000000009', 'hex')];
const CALLER = Buffer.from([10, 42, 0, 7]);
/** Callers at once, as documented. */
const MAX_CALLERS = 1_024;

let pair: TunnelPair;
/** The process's port; another one only where it is really listened on. */
let processPort = 7777;
let written: Buffer[];
let inbound: InboundUdp;

beforeEach(async () => {
  written = [];
  inbound = new InboundUdp(POD, (packet) => written.push(packet));
  pair = await tunnelPair({
    onStream: (stream, request) =>
      inbound.serve(stream, { port: processPort, peer: JSON.parse(request.toString('utf8')) }),
  });
});

/** A stream of a caller, as the proxy opens it. */
function call(port: number, address = '10.42.0.7'): TunnelStream {
  const stream = pair.agent.tunnel.open(Buffer.from(JSON.stringify({ address, port })));
  stream.on('error', () => {});
  return stream;
}

const datagram = (text: string | Buffer) =>
  encodeDatagram({ address: CALLER, port: 1, payload: Buffer.from(text as string) });

const reply = (to: number, text: string): UdpPacket => ({
  source: Buffer.from([10, 42, 0, 9]),
  sourcePort: 7777,
  destination: CALLER,
  destinationPort: to,
  payload: Buffer.from(text),
});

describe('a caller’s datagrams', () => {
  it('enter the namespace as from the caller, and the answers go into its stream', async () => {
    const stream = call(40_000);
    stream.write(datagram('question'));
    await pair.settle();
    const packet = parseUdp(written[0] ?? Buffer.alloc(0));
    assert.deepEqual(packet?.source, CALLER);
    assert.equal(packet?.sourcePort, 40_000, 'the stream’s caller counts, not what the datagram says');
    assert.deepEqual([packet?.destination.join('.'), packet?.destinationPort], ['10.42.0.9', 7777]);
    assert.equal(`${packet?.payload}`, 'question');
    const heard: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => heard.push(chunk));
    assert.equal(inbound.take(reply(40_000, 'answer')), true);
    assert.equal(inbound.take(reply(40_001, 'to another')), false);
    await pair.settle();
    const [answer] = [...new DatagramDecoder().push(Buffer.concat(heard))];
    assert.equal(`${answer?.payload}`, 'answer');
  });

  it('of an IPv6 caller come to the pod’s address of that family', async () => {
    const stream = call(9, 'fd00:44::7');
    stream.write(datagram('six'));
    await pair.settle();
    const packet = parseUdp(written[0] ?? Buffer.alloc(0));
    assert.deepEqual(packet?.destination, POD[1]);
    assert.equal(packet?.source.length, 16);
    assert.equal(`${packet?.payload}`, 'six');
  });

  it('of a sidecar, at the pod’s loopback, come to the process at its own, and so do answers', async () => {
    const processSocket = createSocket('udp4');
    processSocket.on('message', (text, from) => processSocket.send(`${text} back`, from.port, from.address));
    processSocket.bind(0, '127.0.0.1');
    await once(processSocket, 'listening');
    processPort = processSocket.address().port;
    try {
      const stream = call(4_000, '127.0.0.1');
      const heard: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => heard.push(chunk));
      await pair.settle();
      stream.write(datagram('there and'));
      await once(stream, 'data');
      const [answer] = [...new DatagramDecoder().push(Buffer.concat(heard))];
      assert.equal(`${answer?.payload}`, 'there and back');
      assert.deepEqual([answer?.address.join('.'), answer?.port], ['127.0.0.1', 4_000]);
      assert.deepEqual(written, [], 'no packet enters by the device');
      stream.destroy();
      await pair.settle();
    } finally {
      processPort = 7777;
      processSocket.close();
    }
  });

  it('end the stream where they are none, do not fit a packet, or come from no address', async () => {
    const [none, large, nobody] = [call(1), call(2), call(3, 'nobody')];
    none.write(Buffer.from([0, 1, 7]));
    large.write(datagram(Buffer.alloc(65_510)));
    await pair.settle();
    assert.deepEqual(
      [none, large, nobody].map(({ destroyed }) => destroyed),
      [true, true, true],
    );
    assert.deepEqual(pair.agent.closed, []);
    assert.deepEqual(written, []);
  });

  it('are those of so many callers at most; the one that was quiet for longest makes room', async () => {
    const streams = Array.from({ length: MAX_CALLERS }, (_, at) => call(at + 1));
    await pair.settle();
    inbound.take(reply(1, 'so 2 is the quietest'));
    call(5_000);
    await pair.settle();
    assert.deepEqual([streams[0]?.destroyed, streams[1]?.destroyed], [false, true]);
    assert.equal(inbound.take(reply(2, 'x')), false);
    assert.equal(inbound.take(reply(5_000, 'x')), true);
  });

  it('are answered by what fits: the rest is lost, not kept', async () => {
    call(1);
    await pair.settle();
    const far = pair.proxy.streams.at(-1);
    for (let n = 0; n < 2_000; n++) assert.equal(inbound.take(reply(1, 'x'.repeat(10_000))), true);
    assert.ok((far?.writableLength ?? 0) < 256 * 1024);
  });
});

describe('UDP ports of the user’s processes', () => {
  it('are those at the pod’s address or at all; a client’s only where it is wanted', () => {
    const at = (address: string, port: number) => ({ address, port });
    const sockets = [
      at('00000000', 7777),
      at('0'.repeat(32), 53),
      at('0a2a0009', 54),
      at('7f000001', 55),
      at('7f00000b', 56),
      at('00000000', 40_000),
      at('00000000', 40_001),
    ];
    assert.deepEqual(usersUdpPorts(sockets, POD, [40_001]), [7777, 53, 54, 40_001]);
  });
});
