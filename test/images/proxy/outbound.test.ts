import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, it, mock } from 'node:test';
import { Worker } from 'node:worker_threads';
import { dialOut } from '../../../images/proxy/outbound.ts';
import { relayUdp } from '../../../images/proxy/udp.ts';
import {
  type Datagram,
  DatagramDecoder,
  encodeDatagram,
  unreachable,
  unreachableCode,
} from '../../../src/tunnel/datagram.ts';
import { ResetCode, type StreamReset } from '../../../src/tunnel/errors.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { tunnelPair } from '../../tunnel/tunnel-pair.ts';
import { closeAll, closedPort, follow, quiet, serve, until } from '../sockets.ts';

/** A peer of its own thread, which says its port, and when it has reset a connection. */
const RESETS_AT_ONCE = `
  const { parentPort, workerData: done } = require('node:worker_threads');
  const server = require('node:net').createServer((socket) => {
    socket.resetAndDestroy();
    socket.once('close', () => {
      Atomics.store(done, 0, 1);
      Atomics.notify(done, 0);
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

/** It is reset by then (ms), or never. */
const PATIENCE_MS = 5_000;

const LOOPBACK = Buffer.from([127, 0, 0, 1]);

/** The agent's end of a stream that the proxy handles like this. */
async function stream(handle: (stream: TunnelStream) => void): Promise<TunnelStream> {
  const pair = await tunnelPair({ onStream: handle });
  const near = pair.agent.tunnel.open(Buffer.from('{}'));
  near.on('error', () => {}); // a test that cares listens itself
  streams.push(near);
  return near;
}

const streams: TunnelStream[] = [];

/** Ends what a test left open; what hangs on the streams ends with them. */
function endAll(): void {
  for (const near of streams.splice(0)) near.destroy();
  closeAll();
}

const reset = async (near: TunnelStream): Promise<StreamReset> => {
  const [error] = (await once(near, 'error')) as [StreamReset];
  return error;
};

describe('a connection that the process opens', () => {
  afterEach(endAll);

  it('is accepted when the peer has accepted, and then joined', async () => {
    const port = await serve((socket) => socket.pipe(socket));
    const near = await stream((far) => dialOut(far, '127.0.0.1', port));
    const here = follow(near);
    near.end('hello'); // may be sent before
    await once(near, 'accept');
    await until(() => here.closed);
    assert.deepEqual(here, { text: 'hello', ended: true, closed: true, error: undefined });
  });

  it('may be to a name', async () => {
    const port = await serve((socket) => socket.end('hi'));
    const near = await stream((far) => dialOut(far, 'localhost', port));
    await once(near, 'accept');
    const here = follow(near);
    await until(() => here.text === 'hi');
    near.end();
  });

  it('is refused where the peer refuses, and never looks accepted', async () => {
    const port = await closedPort();
    const near = await stream((far) => dialOut(far, '127.0.0.1', port));
    let accepted = false;
    near.once('accept', () => {
      accepted = true;
    });
    const error = await reset(near);
    assert.equal(error.code, ResetCode.connectionRefused);
    assert.match(error.message, /ECONNREFUSED/);
    assert.equal(accepted, false);
  });

  it('is accepted and then reset where the peer has done both before anybody looks', async () => {
    const done = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const peer = new Worker(RESETS_AT_ONCE, { eval: true, workerData: done });
    try {
      const [port] = (await once(peer, 'message')) as [number];
      const near = await stream((far) => {
        dialOut(far, '127.0.0.1', port);
        process.nextTick(() => assert.notEqual(Atomics.wait(done, 0, 0, PATIENCE_MS), 'timed-out'));
      });
      let accepted = false;
      near.once('accept', () => {
        accepted = true;
      });
      const error = await reset(near);
      assert.equal(error.code, ResetCode.connectionReset);
      assert.match(error.message, /^connect ECONNRESET/, 'the proxy did not see it connected');
      assert.equal(accepted, true);
    } finally {
      await peer.terminate();
    }
  });

  it('that nobody wants any more is closed', async () => {
    const connections: Socket[] = [];
    const port = await serve((socket) => connections.push(socket));
    const near = await stream((far) => dialOut(far, '127.0.0.1', port));
    await once(near, 'accept');
    await until(() => connections.length === 1);
    const there = follow(connections[0] as Socket);
    near.destroy();
    await until(() => there.closed);
  });

  it('that nobody wants any more is given up while it is dialled', async () => {
    const connections: Socket[] = [];
    const port = await serve((socket) => connections.push(socket));
    let far: TunnelStream | undefined;
    const near = await stream((given) => {
      far = given;
      dialOut(given, '127.0.0.1', port);
      given.destroy(); // as when the agent's reset arrives in the same moment
    });
    await until(() => near.destroyed);
    await quiet();
    assert.equal(far?.destroyed, true);
    for (const socket of connections) socket.resume();
    await until(() => connections.every(({ destroyed, readableEnded }) => destroyed || readableEnded));
  });
});

describe('the datagrams of one socket of the process', () => {
  const peers: { close(): void }[] = [];
  afterEach(() => {
    mock.timers.reset();
    for (const peer of peers.splice(0)) peer.close();
    endAll();
  });

  /** A UDP peer in the cluster. */
  async function peer(onMessage: (bytes: Buffer, from: RemoteInfo, answer: (bytes: Buffer) => void) => void) {
    const socket = createSocket('udp4');
    peers.push(socket);
    socket.on('message', (bytes, from) =>
      onMessage(bytes, from, (answer) => socket.send(answer, from.port, from.address)),
    );
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return socket.address().port;
  }

  async function relay(to?: { address: string; port: number }) {
    const near = await stream((given) => relayUdp(given, to));
    const received: Datagram[] = [];
    const decoder = new DatagramDecoder();
    near.on('data', (chunk: Buffer) => received.push(...decoder.push(chunk)));
    const send = (port: number, payload: Buffer | string) =>
      near.write(encodeDatagram({ address: LOOPBACK, port, payload: Buffer.from(payload as string) }));
    return { near, received, send };
  }

  it('reach their peer, and its answers come back with whose they are', async () => {
    const port = await peer((bytes, _from, answer) => answer(Buffer.concat([Buffer.from('re: '), bytes])));
    const { received, send } = await relay();
    send(port, 'one');
    await until(() => received.length === 1);
    assert.deepEqual(received[0], { address: LOOPBACK, port, payload: Buffer.from('re: one') });
  });

  it('of a connected one reach its peer, and nobody else is heard', async () => {
    const from: number[] = [];
    const port = await peer((bytes, { port: source }, answer) => {
      from.push(source);
      answer(bytes);
    });
    const stranger = createSocket('udp4');
    peers.push(stranger);
    const { received, send } = await relay({ address: '127.0.0.1', port });
    send(port, 'one');
    await until(() => received.length === 1);
    stranger.send('from a stranger', from[0] ?? 0, '127.0.0.1');
    await quiet();
    send(port, 'two');
    await until(() => received.length > 1);
    assert.deepEqual(
      received.map(({ payload }) => `${payload}`),
      ['one', 'two'],
    );
  });

  it('of a connected one to a port where nobody listens are answered as ICMP answers', async () => {
    const port = await peer(() => {});
    peers.pop()?.close();
    const { received, send } = await relay({ address: '127.0.0.1', port });
    send(port, 'one');
    await until(() => received.length === 1);
    assert.deepEqual(received[0], unreachable(LOOPBACK, ResetCode.connectionRefused));
    assert.equal(unreachableCode(received[0] as Datagram), ResetCode.connectionRefused);
  });

  it('of a connected one to which no way leads are each answered so', async () => {
    const { received, send } = await relay({ address: '255.255.255.255', port: 9 });
    send(9, 'one');
    send(9, 'two');
    await until(() => received.length === 2);
    assert.ok(received.every((datagram) => unreachableCode(datagram) !== undefined));
  });

  it('come from one socket, whoever they go to', async () => {
    const from: number[] = [];
    const ports = [
      await peer((_, { port }) => from.push(port)),
      await peer((_, { port }) => from.push(port)),
    ];
    const { send } = await relay();
    for (const port of ports) send(port, 'x');
    await until(() => from.length === 2);
    assert.equal(from[0], from[1]);
  });

  it('may be empty, and as large as UDP has them', async () => {
    const port = await peer((bytes, _from, answer) => answer(Buffer.from(`${bytes.length}`)));
    const { received, send } = await relay();
    send(port, '');
    send(port, Buffer.alloc(60_000));
    await until(() => received.length === 2);
    assert.deepEqual(received.map(({ payload }) => `${payload}`).sort(), ['0', '60000']);
  });

  it('are lost where nobody listens, and the next ones are not', async () => {
    const closed = await closedPort();
    const port = await peer((bytes, _from, answer) => answer(bytes));
    const { near, received, send } = await relay();
    for (let n = 0; n < 3; n++) send(closed, 'lost');
    send(port, 'there');
    await until(() => received.length === 1);
    assert.equal(near.destroyed, false);
  });

  it('are lost where the network refuses to send them', async () => {
    const port = await peer((bytes, _from, answer) => answer(bytes));
    const { near, received } = await relay();
    const send = (address: number[]) =>
      near.write(encodeDatagram({ address: Buffer.from(address), port, payload: Buffer.from('x') }));
    send([255, 255, 255, 255]); // broadcasts need a permission that nobody asked for
    send([...LOOPBACK]);
    await until(() => received.length === 1);
    assert.equal(near.destroyed, false);
  });

  it('that are none end the stream', async () => {
    const { near } = await relay();
    near.write(Buffer.from([0, 1, 7]));
    assert.equal((await reset(near)).code, ResetCode.badRequest);
  });

  it('have no socket any more once the process has closed its own', async () => {
    let answer: (bytes: Buffer) => void = () => {};
    const port = await peer((_bytes, _from, give) => {
      answer = give;
    });
    const { near, received, send } = await relay();
    send(port, 'x');
    await until(() => String(answer) !== String(() => {}));
    near.end();
    await once(near, 'close');
    answer(Buffer.from('too late'));
    await quiet();
    assert.deepEqual(received, []);
  });

  it('have none any more when nothing came or went for two minutes', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let heard = 0;
    const port = await peer((_bytes, _from, answer) => {
      heard++;
      answer(Buffer.from('y'));
    });
    const { near, received, send } = await relay();
    send(port, 'x');
    await settled(() => received.length === 1);
    mock.timers.tick(119_000);
    assert.equal(near.destroyed, false);
    send(port, 'x'); // traffic begins the time anew
    await settled(() => heard === 2 && received.length === 2);
    mock.timers.tick(119_000);
    await settled(() => true);
    assert.equal(near.destroyed, false);
    mock.timers.tick(1_000);
    await settled(() => near.destroyed);
  });

  it('are lost, not kept, while the agent does not read', async () => {
    let give: ((bytes: Buffer) => void) | undefined;
    const port = await peer((_bytes, _from, answer) => {
      give = answer;
    });
    let far: TunnelStream | undefined;
    const near = await stream((given) => {
      far = given;
      relayUdp(given);
    });
    near.write(encodeDatagram({ address: LOOPBACK, port, payload: Buffer.from('x') }));
    await until(() => give !== undefined);
    // Nobody reads `near`: 40 MB are far more than any window.
    for (let n = 0; n < 1_000; n++) {
      give?.(Buffer.alloc(40_000));
      if (n % 20 === 0) await quiet(1);
    }
    await quiet();
    assert.ok(
      (far?.writableLength ?? Number.POSITIVE_INFINITY) < 1024 * 1024,
      `${far?.writableLength} bytes are kept`,
    );
    assert.equal(far?.destroyed, false);
  });
});

/** Waits until something is so while the clock of this process stands still. */
async function settled(condition: () => boolean): Promise<void> {
  for (let n = 0; n < 20_000; n++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (n >= 20 && condition()) return;
  }
  throw new Error('waited in vain');
}
