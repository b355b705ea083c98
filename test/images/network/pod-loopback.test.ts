import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { PodLoopback } from '../../../images/network/pod-loopback.ts';
import type { PodPort } from '../../../images/pod-port.ts';
import { type Datagram, DatagramDecoder, encodeDatagram } from '../../../src/tunnel/datagram.ts';
import { ResetCode } from '../../../src/tunnel/errors.ts';
import { decodeRequest, type StreamRequest } from '../../../src/tunnel/request.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { type TunnelPair, tunnelPair } from '../../tunnel/tunnel-pair.ts';
import { attempt, closeAll, closedPort, dial, follow, listen, quiet, until } from '../sockets.ts';

const LOOPBACK_HEX = '7f000001';
const LOOPBACK = Buffer.from([127, 0, 0, 1]);

let pair: TunnelPair;
let linked: boolean;
let loopback: PodLoopback;
let warnings: string[];
/** What the proxy was asked for, with its ends. */
let asked: { request: StreamRequest; stream: TunnelStream }[];
/** What the proxy does with a stream. */
let onStream: (stream: TunnelStream) => void;
let opened: { close(): unknown }[];

beforeEach(async () => {
  linked = true;
  warnings = [];
  asked = [];
  opened = [];
  onStream = () => {};
  pair = await tunnelPair({
    onStream(stream, payload) {
      stream.on('error', () => {});
      asked.push({ request: decodeRequest(payload), stream });
      onStream(stream);
    },
  });
  loopback = new PodLoopback(
    () => (linked ? pair.agent.tunnel : undefined),
    (message) => warnings.push(message),
  );
});
afterEach(() => {
  for (const each of opened) each.close();
  closeAll();
});

/** Has it listen on free ports, and gives them. */
async function listenOn(...protocols: PodPort['protocol'][]): Promise<number[]> {
  const ports = await Promise.all(
    protocols.map(async (protocol) => ({ port: await closedPort(), protocol }) as const),
  );
  opened.push(...(await loopback.listen(ports)));
  return ports.map(({ port }) => port);
}

describe('a connection to a port of the sidecars', () => {
  it('is dialled in the pod, and joined when it was accepted there', async () => {
    const [port = 0] = await listenOn('tcp');
    const caller = await dial(port);
    const here = follow(caller);
    caller.end('hello');
    await until(() => asked.length === 1);
    assert.deepEqual(asked[0]?.request, { kind: 'tcp', host: 'localhost', port });
    const stream = asked[0]?.stream;
    assert.ok(stream);
    const there = follow(stream);
    await quiet();
    assert.equal(there.text, '', 'nothing is said before');
    stream.accept();
    await until(() => there.ended);
    stream.end(`got ${there.text}`);
    await until(() => here.closed);
    assert.deepEqual(here, { text: 'got hello', ended: true, closed: true, error: undefined });
  });

  it('is reset where nobody listens in the pod', async () => {
    onStream = (stream) => stream.reset(ResetCode.connectionRefused, 'nobody');
    const [port = 0] = await listenOn('tcp');
    const here = attempt(port);
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET');
  });

  it('is reset while there is no tunnel', async () => {
    linked = false;
    const [port = 0] = await listenOn('tcp');
    const here = attempt(port);
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET');
    assert.deepEqual(asked, []);
  });
});

describe('a port of the sidecars', () => {
  it('is not one that the user’s process listens on', async () => {
    const [port = 0] = await listenOn('tcp');
    const own = { address: LOOPBACK_HEX, port };
    const others = [
      { address: LOOPBACK_HEX, port: port === 1 ? 2 : port - 1 },
      { address: '0a2a0009', port },
    ];
    assert.deepEqual(loopback.others([own, ...others]), others);
  });

  it('that the user’s process has already stays its own', async () => {
    const port = await listen(createServer());
    opened.push(...(await loopback.listen([{ port, protocol: 'tcp' }])));
    assert.match(
      warnings[0] ?? '',
      new RegExp(`^port ${port} does not lead to the pod's sidecars: .*EADDRINUSE`),
    );
    const users = { address: LOOPBACK_HEX, port };
    assert.deepEqual(loopback.others([users]), [users]);
  });

  it('of UDP may be the user’s, too, with the same words', async () => {
    const socket = await udp();
    const { port } = socket.address();
    opened.push(...(await loopback.listen([{ port, protocol: 'udp' }])));
    assert.match(warnings[0] ?? '', new RegExp(`^port ${port}/udp does not lead .*EADDRINUSE`));
  });

  it('does not keep the others from being listened on', async () => {
    const taken = await listen(createServer());
    const free = await closedPort();
    const ports = [taken, free].map((port) => ({ port, protocol: 'tcp' as const }));
    opened.push(...(await loopback.listen(ports)));
    await dial(free);
    await until(() => asked.length === 1);
  });
});

/** A UDP socket of the user's process, on a free port. */
async function udp(): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  opened.push(socket);
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** What arrived at the proxy's end of an association. */
function received(at: number): Datagram[] {
  const list: Datagram[] = [];
  const decoder = new DatagramDecoder();
  asked[at]?.stream.on('data', (chunk: Buffer) => list.push(...decoder.push(chunk)));
  return list;
}

describe('datagrams to a port of the sidecars', () => {
  it('leave from one socket of the pod for each of the namespace, and are answered from where they went', async () => {
    onStream = (stream) => stream.accept();
    const [one = 0, two = 0] = await listenOn('udp', 'udp');
    const client = await udp();
    const heard: [string, number][] = [];
    client.on('message', (text, { port }) => heard.push([`${text}`, port]));
    client.send('to one', one, '127.0.0.1');
    client.send('to two', two, '127.0.0.1');
    await until(() => asked.length > 0);
    const there = received(0);
    await until(() => there.length === 2);
    assert.deepEqual(
      asked.map(({ request }) => request),
      [{ kind: 'udp' }],
    );
    assert.deepEqual(
      there.map(({ address, port, payload }) => [address.join('.'), port, `${payload}`]),
      [
        ['127.0.0.1', one, 'to one'],
        ['127.0.0.1', two, 'to two'],
      ],
    );
    for (const port of [two, one]) {
      asked[0]?.stream.write(encodeDatagram({ address: LOOPBACK, port, payload: Buffer.from('back') }));
    }
    await until(() => heard.length === 2);
    assert.deepEqual(heard, [
      ['back', two],
      ['back', one],
    ]);
  });

  it('have another socket in the pod for another of the namespace', async () => {
    onStream = (stream) => stream.accept();
    const [port = 0] = await listenOn('udp');
    const [first, second] = [await udp(), await udp()];
    const heard: string[] = [];
    second.on('message', (text) => heard.push(`${text}`));
    first.send('first', port, '127.0.0.1');
    await until(() => asked.length === 1);
    second.send('second', port, '127.0.0.1');
    await until(() => asked.length === 2);
    asked[1]?.stream.write(
      encodeDatagram({ address: LOOPBACK, port, payload: Buffer.from('for the second') }),
    );
    await until(() => heard.length === 1);
    assert.deepEqual(heard, ['for the second']);
  });

  it('from a port that no sidecar was asked at are lost, and nothing else is', async () => {
    onStream = (stream) => stream.accept();
    const [port = 0] = await listenOn('udp');
    const client = await udp();
    const heard: string[] = [];
    client.on('message', (text) => heard.push(`${text}`));
    client.send('hello', port, '127.0.0.1');
    await until(() => asked.length === 1);
    const { stream } = asked[0] ?? assert.fail();
    stream.write(
      encodeDatagram({ address: LOOPBACK, port: port - 1, payload: Buffer.from('from elsewhere') }),
    );
    stream.write(encodeDatagram({ address: LOOPBACK, port, payload: Buffer.from('answer') }));
    await until(() => heard.length > 0);
    assert.deepEqual(heard, ['answer']);
  });
});
