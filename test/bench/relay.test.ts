import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DelayLine } from '../../bench/delay-line.ts';
import { DelayRelay } from '../../bench/relay.ts';

const bytes = (text: string) => Buffer.from(text);

describe('a delay line', () => {
  it('gives each chunk after the delay, in order', () => {
    const line = new DelayLine({ delayMs: 10, limitBytes: 100 });
    line.push(bytes('a'), 1_000);
    line.push(bytes('b'), 1_004);
    assert.equal(line.nextDue, 1_010);
    assert.equal(line.take(1_009.9), undefined);
    assert.equal(`${line.take(1_010)}`, 'a');
    assert.equal(line.take(1_010), undefined);
    assert.equal(line.nextDue, 1_014);
    assert.equal(`${line.take(2_000)}`, 'b');
    assert.equal(line.nextDue, undefined);
  });

  it('holds what comes during the handshake until that is over', () => {
    const line = new DelayLine({ delayMs: 10, limitBytes: 100, opensAt: 1_020 });
    line.push(bytes('a'), 1_001);
    line.push(bytes('b'), 1_025);
    assert.equal(line.take(1_029), undefined);
    assert.equal(`${line.take(1_030)}`, 'a');
    assert.equal(line.nextDue, 1_035);
  });

  it('is full at its limit, and not any more when something has come out', () => {
    const line = new DelayLine({ delayMs: 0, limitBytes: 4 });
    line.push(bytes('abc'), 0);
    assert.equal(line.full, false);
    line.push(bytes('d'), 0);
    assert.equal(line.full, true);
    line.take(0);
    assert.deepEqual([line.full, line.bytes], [false, 1]);
  });
});

describe('a relay', () => {
  /** Echoes; or with `never` as the first bytes reads nothing more. */
  let server: Server;
  let served: Socket | undefined;

  before(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => {
      served = socket;
      socket.on('error', () => {});
      socket.once('data', (first: Buffer) => {
        if (`${first}` === 'never') return void socket.pause();
        socket.write(first);
        socket.pipe(socket);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => server.close());

  const portOf = () => (server.address() as AddressInfo).port;

  /** A connection through a relay of 40 ms. */
  async function through(): Promise<{ socket: Socket } & AsyncDisposable> {
    const relay = await DelayRelay.begin(40, '127.0.0.1', portOf());
    const socket = connect({ port: relay.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    await once(socket, 'connect');
    return {
      socket,
      async [Symbol.asyncDispose]() {
        socket.destroy();
        await relay[Symbol.asyncDispose]();
      },
    };
  }

  it('takes a round trip for the handshake and one for the answer', async () => {
    await using opened = await through();
    const begin = performance.now();
    opened.socket.write('a');
    await once(opened.socket, 'data');
    const first = performance.now() - begin;
    assert.ok(first >= 77, `${first} ms`);
    const again = performance.now();
    opened.socket.write('b');
    await once(opened.socket, 'data');
    const second = performance.now() - again;
    assert.ok(second >= 38 && second < first, `${second} ms`);
  });

  it('brings megabytes whole, and the end after them', async () => {
    await using opened = await through();
    const sent = Buffer.alloc(40 * 1024 * 1024, 'what is sent ');
    opened.socket.write('a');
    opened.socket.end(sent);
    const got: Buffer[] = [];
    for await (const part of opened.socket as AsyncIterable<Buffer>) got.push(part);
    assert.ok(Buffer.concat(got).equals(Buffer.concat([bytes('a'), sent])));
  });

  it('holds no more than its bound for a server that never reads', async () => {
    await using opened = await through();
    opened.socket.write('never');
    while (!served?.isPaused()) await delay(5);
    const chunk = Buffer.alloc(1024 * 1024);
    let taken = 0;
    opened.socket.on('error', () => {});
    // Sockets' own buffers beside the line's 16 MiB: far below what is offered.
    for (; taken < 200; taken++) {
      if (opened.socket.write(chunk)) continue;
      if (!(await Promise.race([once(opened.socket, 'drain'), delay(1_000)]))) break;
    }
    assert.ok(taken >= 16 && taken < 60, `${taken} MiB`);
  });

  it('passes a reset on', async () => {
    await using opened = await through();
    opened.socket.write('a');
    await once(opened.socket, 'data');
    const closed = once(opened.socket, 'close');
    served?.resetAndDestroy();
    await assert.rejects(closed, { code: 'ECONNRESET' });
  });

  it('leads to this machine only', async () => {
    await assert.rejects(DelayRelay.begin(20, '192.0.2.1', 443), /not of this machine/);
  });
});
