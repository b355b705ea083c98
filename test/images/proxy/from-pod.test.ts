import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fromPodDatagrams, fromPodServer } from '../../../images/proxy/from-pod.ts';
import { Listeners } from '../../../images/proxy/listeners.ts';
import { ResetCode } from '../../../src/tunnel/errors.ts';
import { attempt, closeAll, dial, follow, listen, until } from '../sockets.ts';
import { Agent } from './agent.ts';

/** Longer than any test: whoever waits for a process fails it. */
const WAIT_MS = 600_000;
/** The process's port; the one that is really listened on is the system's choice. */
const PORT = 9000;

let listeners: Listeners;
let agent: Agent;
let port: number;

beforeEach(async () => {
  listeners = new Listeners(WAIT_MS);
  agent = await Agent.connect(listeners);
  port = await listen(fromPodServer(PORT, listeners));
});
afterEach(closeAll);

/** How a connection ends that nobody answers. */
async function refusal(): Promise<string | undefined> {
  const here = attempt(port);
  await until(() => here.closed);
  return here.error;
}

describe('a connection of a sidecar', () => {
  it('is brought to the process, although its port is none of those that are announced', async () => {
    agent.onInbound = ({ stream }) => {
      stream.accept();
      const there = follow(stream);
      stream.on('end', () => stream.end(`got ${there.text}`));
    };
    const caller = await dial(port);
    const { localPort } = caller;
    const here = follow(caller);
    caller.end('hello');
    await until(() => here.closed);
    assert.deepEqual(here, { text: 'got hello', ended: true, closed: true, error: undefined });
    const [{ request } = { request: undefined }] = agent.asked;
    assert.deepEqual(request, {
      kind: 'inbound',
      port: PORT,
      peer: { address: '127.0.0.1', port: localPort },
    });
  });

  it('is reset at once where the process does not listen, and is so although it was said to', async () => {
    agent.onInbound = ({ stream }) =>
      stream.reset(ResetCode.connectionRefused, 'the process does not listen');
    assert.equal(await refusal(), 'ECONNRESET');
    await agent.say(PORT);
    assert.equal(await refusal(), 'ECONNRESET');
    assert.equal(listeners.ready(PORT), agent.tunnel, 'what Services are told by is not changed by it');
  });

  it('is reset where no laptop is there, or its process has ended', async () => {
    listeners.setPhase('ended');
    assert.equal(await refusal(), 'ECONNRESET');
    listeners.setPhase('running');
    listeners.setAgent(undefined);
    assert.equal(await refusal(), 'ECONNRESET');
    assert.deepEqual(agent.asked, []);
  });

  it('is reset when the laptop goes while the process takes its time', async () => {
    const here = attempt(port);
    await until(() => agent.asked.length === 1);
    agent.asked[0]?.stream.on('error', () => {});
    listeners.setAgent(undefined);
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET');
  });

  it('does not make the pod ready', async () => {
    agent.onInbound = ({ stream }) => stream.accept();
    await dial(port);
    await until(() => agent.asked.length === 1);
    assert.equal(listeners.any, false);
  });
});

describe('a datagram of a sidecar', () => {
  it('is brought to the process, although its port is none of those that are announced', async () => {
    agent.onInbound = ({ stream }) => {
      stream.accept();
      stream.on('error', () => {}).on('data', (chunk: Buffer) => stream.write(chunk));
    };
    const caller = createSocket('udp4').bind(0, '127.0.0.1');
    await once(caller, 'listening');
    // Another of the loopback's addresses has the same port free.
    const datagrams = fromPodDatagrams(listeners);
    const inbound = await datagrams.listen(caller.address().port, '127.0.0.2');
    try {
      caller.send('anybody there?', inbound.address().port, '127.0.0.2');
      const [answer] = (await once(caller, 'message')) as [Buffer];
      assert.equal(`${answer}`, 'anybody there?');
    } finally {
      datagrams.close();
      caller.close();
      inbound.close();
    }
  });
});
