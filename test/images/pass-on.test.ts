import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { passOn } from '../../images/pass-on.ts';
import { ResetCode } from '../../src/tunnel/errors.ts';
import { tunnelPair } from '../tunnel/tunnel-pair.ts';
import { closeAll, follow, quiet, socketPair, until } from './sockets.ts';

/** A caller whose connection is passed on, and what the other end of the link has of it. */
async function passedOn(early: boolean) {
  const [caller, socket] = await socketPair();
  const pair = await tunnelPair();
  const heard: boolean[] = [];
  const told = (accepted: boolean) => void heard.push(accepted);
  passOn(socket, pair.agent.tunnel, { kind: 'tcp', host: '10.96.0.7', port: 80 }, { told, early });
  await until(() => pair.proxy.streams.length === 1);
  const [stream] = pair.proxy.streams;
  assert.ok(stream);
  stream.on('error', () => {});
  return { caller, stream, heard, pair };
}

describe('a connection that is passed on', () => {
  afterEach(closeAll);

  it('early: what was sent is there before the peer has accepted', async () => {
    const { caller, stream, heard } = await passedOn(true);
    caller.write('question');
    const [here, there] = [follow(caller), follow(stream)];
    await until(() => there.text === 'question');
    assert.deepEqual(heard, []);
    stream.accept();
    stream.end('answer');
    await until(() => here.text === 'answer');
    assert.deepEqual(heard, [true]);
  });

  it('otherwise it waits for the peer', async () => {
    const { caller, stream, heard, pair } = await passedOn(false);
    caller.write('question');
    const there = follow(stream);
    await quiet();
    await pair.settle();
    assert.equal(there.text, '');
    stream.accept();
    await until(() => there.text === 'question');
    assert.deepEqual(heard, [true]);
  });

  for (const early of [true, false]) {
    it(`is reset where the peer refuses${early ? ', early too' : ''}`, async () => {
      const { caller, stream, heard } = await passedOn(early);
      const here = follow(caller);
      stream.reset(ResetCode.connectionRefused, 'nobody listens');
      await until(() => here.error !== undefined);
      assert.match(`${here.error}`, /ECONNRESET/);
      assert.deepEqual(heard, [false]);
    });
  }

  it('early: a reset after the peer has accepted says nothing of the next connection', async () => {
    const { caller, stream, heard } = await passedOn(true);
    const here = follow(caller);
    stream.accept();
    await until(() => heard.length === 1);
    stream.reset(ResetCode.connectionReset, 'the peer did');
    await until(() => here.error !== undefined);
    assert.deepEqual(heard, [true]);
  });
});
