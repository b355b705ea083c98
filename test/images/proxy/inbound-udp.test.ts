import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Fallback } from '../../../images/proxy/fallback.ts';
import { InboundUdp } from '../../../images/proxy/inbound-udp.ts';
import { Listeners } from '../../../images/proxy/listeners.ts';
import { DatagramDecoder } from '../../../src/tunnel/datagram.ts';
import { encodeMessage } from '../../../src/tunnel/message.ts';
import { quiet, until } from '../sockets.ts';
import { Agent } from './agent.ts';

/** Callers at once, and what waits of each until an original pod is found (bytes), as documented. */
const MAX_CALLERS = 1_024;
const MAX_WAITING_BYTES = 64 * 1024;

const ORIGINAL = '127.0.0.2';

const sockets: Socket[] = [];
const inbounds: Socket[] = [];
const served: InboundUdp[] = [];
let listeners: Listeners;
let unanswered: string[];
let callers: number;
beforeEach(() => {
  callers = 0;
  listeners = new Listeners(100);
  unanswered = [];
});
afterEach(() => {
  for (const each of [...served.splice(0), ...sockets.splice(0), ...inbounds.splice(0)]) each.close();
});

async function bound(port = 0, address = '127.0.0.1'): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(port, address);
  await once(socket, 'listening');
  sockets.push(socket);
  return socket;
}

/** The pod's port, with what `fallback` finds. */
async function pod(port: number, fallback: Fallback | undefined): Promise<number> {
  const inbound = new InboundUdp({
    listeners,
    fallback,
    onCaller: () => callers++,
    onAnswered: () => {},
    onUnanswered: (_port, peer) => unanswered.push(peer),
  });
  served.push(inbound);
  const socket = await inbound.listen(port || (await freePort()), '127.0.0.1');
  inbounds.push(socket);
  return socket.address().port;
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** A socket that asks; what it hears. */
async function caller(port: number) {
  const socket = await bound();
  const heard: string[] = [];
  socket.on('message', (text, from) => heard.push(`${text} from ${from.port}`));
  return { heard, send: (text: string) => socket.send(text, port, '127.0.0.1') };
}

describe('a datagram', () => {
  it('goes to the process while it listens, one stream for each caller', async () => {
    const agent = await Agent.connect(listeners);
    const port = await pod(0, undefined);
    await agent.write(encodeMessage({ ports: [], udp: [port] }));
    agent.onInbound = ({ stream }) => {
      stream.accept();
      stream.on('error', () => {});
      stream.on('data', (chunk: Buffer) => {
        for (const _ of new DatagramDecoder().push(chunk)) stream.write(chunk);
      });
    };
    const [one, two] = [await caller(port), await caller(port)];
    one.send('one');
    two.send('two');
    await until(() => one.heard.length + two.heard.length === 2);
    assert.deepEqual([one.heard, two.heard], [[`one from ${port}`], [`two from ${port}`]]);
    assert.deepEqual(
      agent.asked.map(({ request }) => request.kind),
      ['inbound-udp', 'inbound-udp'],
    );
  });

  it('goes to an original pod while nobody else listens, all that came before it was found', async () => {
    const original = await bound(0, ORIGINAL);
    const { port } = original.address();
    original.on('message', (text, from) => original.send(`original ${text}`, from.port, from.address));
    const found = Promise.withResolvers<string[]>();
    await pod(port, new Fallback({ name: 'x', own: [], resolve: () => found.promise }));
    const one = await caller(port);
    one.send('a');
    one.send('b');
    await quiet();
    found.resolve([ORIGINAL]);
    await until(() => one.heard.length === 2);
    assert.deepEqual(one.heard, [`original a from ${port}`, `original b from ${port}`]);
  });

  it('waits for an original pod in no more than a bounded queue; what does not fit is lost', async () => {
    const original = await bound(0, ORIGINAL);
    const { port } = original.address();
    let arrived = 0;
    original.on('message', (payload) => (arrived += payload.length));
    const found = Promise.withResolvers<string[]>();
    await pod(port, new Fallback({ name: 'x', own: [], resolve: () => found.promise }));
    const [one, two] = [await caller(port), await caller(port)];
    const size = 8_000;
    for (let sent = 0; sent < 2 * MAX_WAITING_BYTES; sent += size) {
      one.send('x'.repeat(size));
      await new Promise(setImmediate); // so that the socket of the pod takes it
    }
    two.send('x');
    await until(() => callers === 2); // all that was sent before has been taken, too
    found.resolve([ORIGINAL]);
    const fit = Math.floor(MAX_WAITING_BYTES / size) * size;
    await until(() => arrived >= fit + 1);
    await quiet();
    assert.equal(arrived, fit + 1);
  });

  it('is of so many callers at most; the one that was quiet for longest makes room', async () => {
    const agent = await Agent.connect(listeners);
    const port = await pod(0, undefined);
    await agent.write(encodeMessage({ ports: [], udp: [port] }));
    agent.onInbound = ({ stream }) => void stream.on('error', () => {}).accept();
    for (let n = 1; n <= MAX_CALLERS + 1; n++) {
      (await caller(port)).send('x');
      await until(() => agent.asked.length === n);
    }
    await until(() => agent.asked[0]?.stream.destroyed === true);
    assert.equal(agent.asked[1]?.stream.destroyed, false);
    assert.equal(agent.tunnel.streams, MAX_CALLERS + 1, 'and the one that announces');
  });

  it('is lost where nobody answers, which is said once for a caller', async () => {
    const one = await caller(await pod(0, undefined));
    one.send('a');
    one.send('b');
    await quiet();
    assert.deepEqual([one.heard, unanswered], [[], ['127.0.0.1']]);
  });
});
