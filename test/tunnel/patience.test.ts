import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lessPatient, type Patience } from '../../src/tunnel/link.ts';
import { openStream, type TunnelPair, tunnelPair } from './tunnel-pair.ts';

/** How soon what an end sends in the course of `act` has to leave. */
async function patienceOf(
  pair: TunnelPair,
  end: 'agent' | 'proxy',
  act: () => unknown,
): Promise<(Patience | undefined)[]> {
  const { patience } = pair[end].link;
  const before = patience.length;
  await act();
  await pair.settle();
  return patience.slice(before);
}

describe('how soon a frame has to leave', () => {
  it('is at once for data, and for a request unless said otherwise', async () => {
    const pair = await tunnelPair();
    const { tunnel } = pair.agent;
    assert.deepEqual(await patienceOf(pair, 'agent', () => tunnel.open(Buffer.from('{}'))), ['turn']);
    const later = await patienceOf(pair, 'agent', () => tunnel.open(Buffer.from('{}'), 'nextTurn'));
    assert.deepEqual(later, ['nextTurn']);
    const [near] = await openStream(pair);
    assert.deepEqual(await patienceOf(pair, 'agent', () => near.write('x')), ['turn']);
  });

  it('is at once for an accept that the peer waits for, later where it has sent something before', async () => {
    const pair = await tunnelPair();
    pair.agent.tunnel.open(Buffer.from('{}'));
    pair.agent.tunnel.open(Buffer.from('{}')).write('GET /');
    await pair.settle();
    const [waited, early] = pair.proxy.streams;
    assert.deepEqual(await patienceOf(pair, 'proxy', () => waited?.accept()), ['turn']);
    assert.deepEqual(await patienceOf(pair, 'proxy', () => early?.accept()), ['linger']);
  });

  it('is at once for the first end of a stream, later for the second', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    near.resume();
    far.resume();
    assert.deepEqual(await patienceOf(pair, 'proxy', () => far.end()), ['turn']);
    assert.deepEqual(await patienceOf(pair, 'agent', () => near.end()), ['linger']);
  });

  it('is at once for an end that the peer waits for: it has ended and was answered', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    near.resume();
    far.resume();
    near.end('a request');
    await pair.settle();
    const sent = await patienceOf(pair, 'proxy', async () => {
      far.write('an answer');
      await pair.settle();
      far.end();
    });
    assert.deepEqual(sent, ['turn', 'turn']);
  });

  it('is the least that anything of it has which is sent together', async () => {
    const pair = await tunnelPair();
    const [near, far] = await openStream(pair);
    near.resume();
    far.resume();
    await patienceOf(pair, 'proxy', () => far.end());
    const other = pair.agent.tunnel.open(Buffer.from('{}'));
    await pair.settle();
    pair.proxy.streams.find(({ id }) => id === other.id)?.accept();
    await pair.settle();
    // The link is full until both are there.
    pair.agent.link.capacity = 1;
    pair.agent.link.hold();
    other.write('x');
    near.end();
    other.write('y');
    const sent = await patienceOf(pair, 'agent', () => {
      pair.agent.link.capacity = Number.POSITIVE_INFINITY;
      pair.agent.link.release();
    });
    assert.deepEqual(sent, ['turn']);
  });

  it('compares', () => {
    const all: Patience[] = ['turn', 'nextTurn', 'linger'];
    const less = all.map((one) => all.map((other) => lessPatient(one, other)));
    assert.deepEqual(less, [
      ['turn', 'turn', 'turn'],
      ['turn', 'nextTurn', 'nextTurn'],
      ['turn', 'nextTurn', 'linger'],
    ]);
  });
});
