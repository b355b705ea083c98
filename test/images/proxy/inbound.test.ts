import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Fallback } from '../../../images/proxy/fallback.ts';
import { type InboundOptions, inboundServer } from '../../../images/proxy/inbound.ts';
import { HEARD_LATELY_MS, SENT_LIMIT } from '../../../images/proxy/inbound-stream.ts';
import { Listeners } from '../../../images/proxy/listeners.ts';
import { ResetCode } from '../../../src/tunnel/errors.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { pattern } from '../../tunnel/bytes.ts';
import { attempt, closeAll, dial, follow, listen, quiet, serve, until } from '../sockets.ts';
import { Agent } from './agent.ts';

/** The proxy's pod is at 127.0.0.1, an original one at 127.0.0.2: both have the port. */
const ORIGINAL = '127.0.0.2';
const WAIT_MS = 300;

let listeners: Listeners;
let agent: Agent;
let port: number;
/** The proxy's ends of the connections. */
let taken: Socket[];
let told: { answered: [number, string][]; unanswered: [number, string, string][] };

/** Starts the proxy on a port of its own. */
async function proxy(options: Partial<InboundOptions> = {}): Promise<void> {
  // The port is known only once the server listens, and is the same for all that is on it.
  const own: InboundOptions = {
    port: 1,
    listeners,
    fallback: undefined,
    onAnswered: (at, peer) => told.answered.push([at, peer]),
    onUnanswered: (at, peer, error) => told.unanswered.push([at, peer, error.message]),
    ...options,
  };
  const server = inboundServer(own);
  server.on('connection', (socket) => taken.push(socket));
  port = await listen(server);
  own.port = port;
}

const fallback = () =>
  new Fallback({ name: 'original', own: ['127.0.0.1'], resolve: async () => ['127.0.0.1', ORIGINAL] });

/** Starts an original pod, and gives the connections that reach it. */
async function original(onConnection: (socket: Socket) => void = () => {}): Promise<Socket[]> {
  const connections: Socket[] = [];
  const accept = (socket: Socket) => {
    connections.push(socket);
    onConnection(socket);
  };
  await serve(accept, ORIGINAL, port);
  return connections;
}

/** The process answers each connection. */
const accepting = (said: string[] = []) => {
  agent.onInbound = ({ stream }) => {
    stream.accept();
    stream.on('data', (chunk: Buffer) => said.push(`${chunk}`));
  };
};

beforeEach(async () => {
  taken = [];
  told = { answered: [], unanswered: [] };
  listeners = new Listeners(WAIT_MS);
  agent = await Agent.connect(listeners);
});
afterEach(closeAll);

describe('a connection to the pod', () => {
  it('is brought to the process, with who is calling', async () => {
    await proxy();
    await agent.say(port);
    const caller = await dial(port);
    await until(() => agent.asked.length === 1);
    const [{ request } = { request: undefined }] = agent.asked;
    assert.deepEqual(request, {
      kind: 'inbound',
      port,
      peer: { address: '127.0.0.1', port: caller.localPort },
    });
    assert.deepEqual(told.answered, [], 'it has not answered yet');
    agent.asked[0]?.stream.accept();
    await until(() => told.answered.length === 1);
    assert.deepEqual(told.answered, [[port, '127.0.0.1']]);
  });

  it('gives its first bytes with the request, one read of them, and the rest when the process has accepted', async () => {
    await proxy();
    await agent.say(port);
    const caller = await dial(port);
    const bytes = pattern(1_500_000);
    caller.write(bytes);
    await until(() => agent.asked.length === 1);
    const stream = agent.asked[0]?.stream;
    assert.ok(stream);
    const there = follow(stream);
    await until(() => there.text !== '');
    await quiet();
    assert.ok(there.text.length <= 64 * 1024, 'one read');
    assert.ok(
      (taken[0]?.bytesRead ?? 0) <= 256 * 1024,
      'the kernel keeps the rest, and slows the caller down',
    );
    assert.equal(told.answered.length, 0);
    stream.accept();
    await until(() => there.text.length === bytes.length);
    assert.equal(there.text, bytes.toString('latin1'));
  });

  it('gives nothing of its bytes to a laptop of which nothing was heard lately before the process has accepted', async () => {
    await proxy();
    await agent.say(port);
    await agent.silence(HEARD_LATELY_MS + 1);
    const caller = await dial(port);
    caller.write('POST /order');
    await until(() => agent.asked.length === 1);
    const stream = agent.asked[0]?.stream;
    assert.ok(stream);
    const there = follow(stream);
    await quiet();
    assert.equal(there.text, '');
    stream.accept();
    await until(() => there.text === 'POST /order');
  });

  it('gives nothing of its bytes before that, either, where many have given theirs to a process that does not accept', async () => {
    await proxy({ fallback: fallback() });
    const connections = await original();
    await agent.say(port);
    const callers = SENT_LIMIT + 4;
    for (let count = 1; count <= callers; count++) {
      (await dial(port)).write('POST /order');
      await until(() => agent.asked.length === count);
    }
    const there = agent.asked.map(({ stream }) => follow(stream));
    const given = () => there.filter(({ text }) => text === 'POST /order').length;
    await until(() => given() === SENT_LIMIT);
    await quiet();
    assert.equal(given(), SENT_LIMIT);

    agent.asked[0]?.stream.accept(); // makes room for another one
    await until(() => told.answered.length === 1);
    (await dial(port)).write('POST /order');
    await until(() => agent.asked.length === callers + 1);
    const another = follow(agent.asked[callers]?.stream as TunnelStream);
    await until(() => another.text === 'POST /order');
    assert.equal(given(), SENT_LIMIT);

    listeners.setAgent(undefined);
    await until(() => connections.length === 4);
  });

  it('hears a server that speaks first', async () => {
    await proxy();
    await agent.say(port);
    agent.onInbound = ({ stream }) => {
      stream.accept();
      stream.write('220 ready');
    };
    const here = follow(await dial(port));
    await until(() => here.text === '220 ready');
  });

  it('passes half-closes both ways', async () => {
    await proxy();
    await agent.say(port);
    agent.onInbound = ({ stream }) => {
      stream.accept();
      const there = follow(stream);
      stream.on('end', () => stream.end(`got ${there.text}`));
    };
    const caller = await dial(port);
    const here = follow(caller);
    caller.end('all');
    await until(() => here.closed);
    assert.deepEqual(here, { text: 'got all', ended: true, closed: true, error: undefined });
  });

  it('passes a half-close on which the process has not accepted yet', async () => {
    await proxy();
    await agent.say(port);
    const caller = await dial(port);
    const here = follow(caller);
    caller.end('all');
    await until(() => taken[0]?.readableEnded === true);
    const stream = agent.asked[0]?.stream;
    assert.ok(stream);
    stream.accept();
    const there = follow(stream);
    stream.on('end', () => stream.end(`got ${there.text}`));
    await until(() => here.closed);
    assert.deepEqual(here, { text: 'got all', ended: true, closed: true, error: undefined });
  });

  it('is taken back when the caller leaves before the process has accepted', async () => {
    await proxy({ fallback: fallback() });
    const connections = await original();
    await agent.say(port);
    const caller = await dial(port);
    caller.write('POST /order');
    await until(() => agent.asked.length === 1);
    const there = follow(agent.asked[0]?.stream as TunnelStream);
    await until(() => there.text === 'POST /order');
    caller.resetAndDestroy();
    await until(() => there.closed);
    await quiet();
    assert.equal(connections.length, 0);
    assert.deepEqual(told, { answered: [], unanswered: [] });
  });

  it('passes resets both ways', async () => {
    await proxy();
    await agent.say(port);
    accepting();
    const caller = await dial(port);
    const here = follow(caller);
    await until(() => told.answered.length === 1);
    agent.asked[0]?.stream.on('error', () => {});
    agent.asked[0]?.stream.reset(ResetCode.connectionReset, 'it crashed');
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET');

    const other = await dial(port);
    await until(() => told.answered.length === 2);
    const there = agent.asked[1]?.stream;
    assert.ok(there);
    const failed = once(there, 'error');
    other.resetAndDestroy();
    const [error] = (await failed) as [{ code: ResetCode }];
    assert.equal(error.code, ResetCode.connectionReset);
  });

  it('carries much, whole', async () => {
    await proxy();
    await agent.say(port);
    agent.onInbound = ({ stream }) => {
      stream.accept();
      stream.pipe(stream);
    };
    const caller = await dial(port);
    const here = follow(caller);
    const bytes = pattern(1_500_000);
    caller.end(bytes);
    await until(() => here.ended);
    assert.equal(here.text, bytes.toString('latin1'));
  });
});

describe('a process that restarts', () => {
  for (const code of ['connectionRefused', 'noListener'] as const) {
    it(`and says ${code} is waited for; the request is sent once, to the new one`, async () => {
      await proxy({ fallback: fallback() });
      const connections = await original();
      await agent.say(port);
      const said: string[] = [];
      agent.onInbound = ({ stream }) => {
        stream.on('data', (chunk: Buffer) => said.push(`${chunk}`));
        if (agent.asked.length > 1) return stream.accept();
        stream.on('error', () => {});
        stream.reset(ResetCode[code], 'not now');
      };
      const caller = await dial(port);
      caller.write('POST /order');
      await until(() => agent.asked.length === 1);
      await quiet();
      assert.equal(agent.asked.length, 1, 'it is not dialled again before it listens');
      await agent.say();
      await agent.say(port);
      await until(() => said.length > 0);
      assert.deepEqual(said, ['POST /order']);
      assert.equal(connections.length, 0);
      assert.equal(told.answered.length, 1);
    });
  }

  it('and does not come back is not waited for longer than the wait', async () => {
    await proxy({ fallback: fallback() });
    await original((socket) => socket.end('original'));
    await agent.say(port);
    await agent.say();
    const began = performance.now();
    const here = follow(await dial(port));
    await until(() => here.ended);
    assert.equal(here.text, 'original');
    assert.ok(performance.now() - began >= WAIT_MS - 10);
  });

  it('and is said to listen but always refuses is not dialled for ever', async () => {
    // It listens on an address of the container that we do not dial, say.
    await proxy({ fallback: fallback() });
    let again: NodeJS.Timeout | undefined;
    await original((socket) => {
      socket.on('data', (chunk: Buffer) => socket.end(`original heard ${chunk}`));
    });
    agent.onInbound = ({ stream }) => {
      stream.on('error', () => {});
      stream.reset(ResetCode.connectionRefused, 'the process does not listen');
      again = setTimeout(() => void agent.say(port), 20);
    };
    await agent.say(port);
    const caller = await dial(port);
    const here = follow(caller);
    caller.write('POST /order');
    await until(() => here.ended);
    clearTimeout(again); // it would speak for the next test's process
    assert.equal(here.text, 'original heard POST /order', 'what the process has refused is as good as new');
  });
});

describe('a connection that the laptop does not answer', () => {
  it('goes to an original pod at once where the process never listened', async () => {
    await proxy({ fallback: fallback() });
    await original((socket) => socket.pipe(socket));
    const caller = await dial(port);
    const here = follow(caller);
    const began = performance.now();
    caller.end('echo');
    await until(() => here.closed);
    assert.deepEqual(here, { text: 'echo', ended: true, closed: true, error: undefined });
    assert.ok(performance.now() - began < WAIT_MS);
    assert.deepEqual(agent.asked, []);
    assert.deepEqual(told.answered, []);
  });

  it('goes there whole when the agent is lost while it is asked', async () => {
    await proxy({ fallback: fallback() });
    const connections = await original();
    await agent.say(port);
    await agent.silence(HEARD_LATELY_MS + 1);
    const caller = await dial(port);
    caller.write('POST /order');
    await until(() => agent.asked.length === 1);
    await until(() => taken[0]?.bytesRead === 'POST /order'.length);
    agent.asked[0]?.stream.on('error', () => {});
    agent.cut();
    await until(() => connections.length === 1);
    const there = follow(connections[0] as Socket);
    await until(() => there.text === 'POST /order');
  });

  it('goes there when the laptop falls silent before the caller has said anything', async () => {
    await proxy({ fallback: fallback() });
    const connections = await original();
    await agent.say(port);
    const caller = await dial(port);
    await until(() => agent.asked.length === 1);
    listeners.setLink('silent');
    await until(() => connections.length === 1);
    caller.write('POST /order');
    const there = follow(connections[0] as Socket);
    await until(() => there.text === 'POST /order');
  });

  it('does not go there when the agent is lost with its first bytes: nobody can tell what became of them', async () => {
    await proxy({ fallback: fallback() });
    const connections = await original();
    await agent.say(port);
    const caller = await dial(port);
    const here = follow(caller);
    caller.write('POST /order');
    await until(() => agent.asked.length === 1);
    const there = follow(agent.asked[0]?.stream as TunnelStream);
    await until(() => there.text === 'POST /order');
    listeners.setLink('silent');
    await quiet();
    assert.equal(here.closed, false, 'it may come back');
    agent.cut();
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET');
    assert.equal(connections.length, 0);
    assert.deepEqual(told.unanswered, [[port, '127.0.0.1', 'the laptop has gone with what was sent to it']]);
  });

  it('is answered by the laptop, where that has its first bytes, when it is heard again', async () => {
    await proxy({ fallback: fallback() });
    const connections = await original();
    await agent.say(port);
    const caller = await dial(port);
    caller.write('POST /order');
    await until(() => agent.asked.length === 1);
    const there = follow(agent.asked[0]?.stream as TunnelStream);
    await until(() => there.text === 'POST /order');
    listeners.setLink('silent');
    await quiet();
    agent.asked[0]?.stream.accept();
    await until(() => told.answered.length === 1);
    assert.equal(connections.length, 0);
  });

  it('goes there when the agent refuses for another reason', async () => {
    await proxy({ fallback: fallback() });
    const connections = await original();
    await agent.say(port);
    agent.onInbound = ({ stream }) => {
      stream.on('error', () => {});
      stream.reset(ResetCode.badRequest, 'not a port of this session');
    };
    await dial(port);
    await until(() => connections.length === 1);
  });

  it('passes resets both ways there too', async () => {
    await proxy({ fallback: fallback() });
    const connections = await original();
    const one = await dial(port);
    const here = follow(one);
    await until(() => connections.length === 1);
    connections[0]?.resetAndDestroy();
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET');
    const two = await dial(port);
    await until(() => connections.length === 2);
    const there = follow(connections[1] as Socket);
    two.resetAndDestroy();
    await until(() => there.closed);
    assert.equal(there.error, 'ECONNRESET');
  });

  it('passes half-closes there too, from the server’s side', async () => {
    await proxy({ fallback: fallback() });
    let there = { text: '' };
    await original((socket) => {
      there = follow(socket);
      socket.end('bye');
    });
    const caller = await dial(port);
    const here = follow(caller);
    await until(() => here.ended);
    assert.equal(here.text, 'bye');
    caller.end('still heard');
    await until(() => there.text === 'still heard');
  });

  it('is cut, and told of, where there is nobody at all', async () => {
    await proxy();
    const here = attempt(port);
    await until(() => here.closed);
    assert.equal(here.error, 'ECONNRESET', 'an end would look like an empty answer');
    assert.deepEqual(told.unanswered, [[port, '127.0.0.1', 'nobody listens, and there is no fallback']]);
  });

  it('is told of with the reason why the original pods did not answer', async () => {
    const none = new Fallback({
      name: 'x',
      own: [],
      resolve: () => Promise.reject(new Error('no such name')),
    });
    none.dial = (at, peer, signal) => Fallback.prototype.dial.call(none, at, peer, signal, 0);
    await proxy({ fallback: none });
    const here = attempt(port);
    await until(() => here.closed);
    assert.deepEqual(told.unanswered, [[port, '127.0.0.1', 'no such name']]);
  });

  it('goes to the original pods at once when the session ends while it waits', async () => {
    await proxy({ fallback: fallback() });
    const connections = await original();
    await agent.say(port);
    await agent.say();
    await dial(port);
    await quiet(20);
    assert.equal(connections.length, 0);
    listeners.setPhase('ended');
    await until(() => connections.length === 1);
  });
});

describe('many connections', () => {
  it('each get their own answer, whoever gives it', async () => {
    await proxy({ fallback: fallback() });
    await original((socket) => socket.end('original'));
    await agent.say(port);
    let count = 0;
    agent.onInbound = ({ stream }) => {
      stream.on('error', () => {});
      if (++count % 3 === 0) return stream.reset(ResetCode.internal, 'every third');
      stream.accept();
      stream.end('laptop');
    };
    const answers = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const caller = await dial(port);
        const here = follow(caller);
        caller.end();
        await until(() => here.closed);
        return here.text;
      }),
    );
    assert.equal(answers.filter((text) => text === 'laptop').length, 40);
    assert.equal(answers.filter((text) => text === 'original').length, 20);
    assert.equal(told.answered.length, 40);
  });
});
