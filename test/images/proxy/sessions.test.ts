import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { sessionServer } from '../../../images/proxy/sessions.ts';
import { decodeReason, FrameDecoder } from '../../../src/tunnel/decode.ts';
import { duplexLink } from '../../../src/tunnel/duplex-link.ts';
import { encodeFrame } from '../../../src/tunnel/encode.ts';
import { CloseCode, type TunnelError } from '../../../src/tunnel/errors.ts';
import { FrameType } from '../../../src/tunnel/frame.ts';
import { encodeHello, type Role } from '../../../src/tunnel/hello.ts';
import { encodePreamble, TOKEN_BYTES } from '../../../src/tunnel/preamble.ts';
import { encodeRequest, type StreamRequest } from '../../../src/tunnel/request.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { type LinkState, Tunnel } from '../../../src/tunnel/tunnel.ts';
import { HELLO } from '../../tunnel/raw-peer.ts';
import { attempt, closeAll, dial, follow, listen, quiet, until } from '../sockets.ts';

const TOKEN = randomBytes(TOKEN_BYTES);
const PREAMBLE_LIMIT_MS = 5_000;
const MAX_UNKNOWN = 16;

let port: number;
let agents: (Tunnel | undefined)[];
let links: LinkState[];
/** Whether agents outlive their links. */
let kept: boolean;
let tokens: Buffer[];
let streams: { role: Role; stream: TunnelStream; request: string }[];

beforeEach(async () => {
  // What the last test's server still has to tell is not for this one.
  const toldAgents: typeof agents = [];
  const toldStreams: typeof streams = [];
  const toldLinks: typeof links = [];
  const toldTokens: typeof tokens = [];
  [agents, streams, links, tokens, kept] = [toldAgents, toldStreams, toldLinks, toldTokens, false];
  const server = sessionServer({
    tokenSha256: createHash('sha256').update(TOKEN).digest('hex'),
    onToken: (token) => toldTokens.push(token),
    onStream: (role, stream, request) => toldStreams.push({ role, stream, request: `${request}` }),
    onAgent: (tunnel) => toldAgents.push(tunnel),
    onLink: (state) => toldLinks.push(state),
    resumeLimitMs: 60_000,
    resumable: () => kept,
  });
  port = await listen(server);
});
afterEach(() => {
  mock.timers.reset();
  closeAll();
});

/** A tunnel over a link that showed `token`. */
async function tunnel(role: Role, session = 'abc', token = TOKEN) {
  const socket = await dial(port);
  socket.write(encodePreamble(token));
  const closed: (TunnelError | undefined)[] = [];
  const link = duplexLink(socket);
  const own = new Tunnel({ link, role, session, dialled: true, onClosed: (error) => closed.push(error) });
  return { tunnel: own, socket, closed };
}

/** Opens a stream for `request`; how it ends is not of interest. */
const open = (own: Tunnel, request: StreamRequest) => own.open(encodeRequest(request)).on('error', () => {});

/** The reason in the one frame that came, which is a close. */
function closeFrame(text: string) {
  const frames = [...new FrameDecoder().push(Buffer.from(text, 'latin1'))];
  assert.deepEqual(
    frames.map(({ type }) => type),
    [FrameType.close],
  );
  return decodeReason(frames[0]?.payload ?? Buffer.alloc(2));
}

describe('a link with the session’s token', () => {
  it('becomes the agent’s tunnel', async () => {
    const { tunnel: own } = await tunnel('agent');
    const hello = await own.ready;
    assert.deepEqual(tokens, [TOKEN]);
    assert.equal(hello.role, 'proxy');
    assert.equal(hello.session, 'abc');
    await until(() => agents.length === 1);
    assert.ok(agents[0]);
  });

  it('becomes a control tunnel, which is no agent', async () => {
    const { tunnel: own } = await tunnel('control');
    await own.ready;
    open(own, { kind: 'call' });
    await until(() => streams.length === 1);
    assert.equal(streams[0]?.role, 'control');
    assert.deepEqual(agents, []);
  });

  it('gives its streams with who opened them and what for', async () => {
    const { tunnel: own } = await tunnel('agent');
    await own.ready;
    open(own, { kind: 'tcp', host: 'thing1', port: 80 });
    await until(() => streams.length === 1);
    assert.equal(streams[0]?.role, 'agent');
    assert.equal(streams[0]?.request, '{"kind":"tcp","host":"thing1","port":80}');
  });

  it('is told when it goes, however it goes', async () => {
    const one = await tunnel('agent');
    await one.tunnel.ready;
    await until(() => agents.length === 1);
    one.socket.destroy();
    await until(() => agents.length === 2);
    assert.equal(agents[1], undefined);
    const two = await tunnel('agent');
    await two.tunnel.ready;
    await until(() => agents.length === 3);
    two.tunnel.close();
    await until(() => agents.length === 4);
    assert.equal(agents[3], undefined);
  });

  it('may come in any pieces', async () => {
    const hello = encodeFrame({ type: FrameType.hello, stream: 0, sequence: 0, payload: encodeHello(HELLO) });
    const bytes = Buffer.concat([encodePreamble(TOKEN), hello]);
    for (const size of [1, 5, 38, 39, 40, bytes.length]) {
      const socket = await dial(port);
      const there = follow(socket);
      for (let at = 0; at < bytes.length; at += size) {
        socket.write(bytes.subarray(at, at + size));
        if (size < 10) await turn();
      }
      await until(() => there.text.length > 0, `an answer to pieces of ${size}`);
      const [frame] = [...new FrameDecoder().push(Buffer.from(there.text, 'latin1'))];
      assert.equal(frame?.type, FrameType.hello);
      socket.destroy();
    }
  });

  it('takes the place of an older agent, which is told', async () => {
    const one = await tunnel('agent');
    await one.tunnel.ready;
    await until(() => agents.length === 1);
    const two = await tunnel('agent', 'abc-2');
    await two.tunnel.ready;
    await until(() => one.closed.length === 1);
    assert.equal(one.closed[0]?.code, CloseCode.superseded);
    await quiet();
    assert.equal(agents.length, 2, 'nobody was told that there is none');
    assert.ok(agents[1] !== undefined && agents[1] !== agents[0]);
    open(two.tunnel, { kind: 'udp' });
    await until(() => streams.length === 1);
  });
});

describe('another link of the agent’s session', () => {
  /** An agent whose tunnel outlives its links, with a stream to the proxy that is answered. */
  async function lost() {
    kept = true;
    const socket = await dial(port);
    socket.write(encodePreamble(TOKEN));
    const own = new Tunnel({
      link: duplexLink(socket),
      role: 'agent',
      session: 'abc',
      dialled: true,
      resumeLimitMs: 60_000,
      resumable: () => true,
    });
    await own.ready;
    const stream = open(own, { kind: 'tcp', host: 'thing1', port: 80 });
    await until(() => streams.length === 1);
    const { stream: far } = streams[0] ?? assert.fail();
    const accepted = once(stream, 'accept');
    far.accept();
    await accepted;
    const heard = follow(stream);
    socket.destroy();
    await until(() => links.includes('down'));
    return { own, far, heard };
  }

  async function relink(own: Tunnel): Promise<void> {
    const socket = await dial(port);
    socket.write(encodePreamble(TOKEN));
    own.resume(duplexLink(socket));
  }

  it('goes on with its streams', async () => {
    const { own, far, heard } = await lost();
    far.write('said meanwhile');
    await relink(own);
    await until(() => heard.text === 'said meanwhile');
    assert.deepEqual(links, ['down', 'up']);
    assert.equal(agents.length, 1, 'it is the same agent');
  });

  it('takes the place of one that is still open', async () => {
    kept = true;
    const { own, far, heard } = await lost();
    await relink(own);
    await relink(own);
    far.write('over the last one');
    await until(() => heard.text === 'over the last one');
  });

  it('is refused by a proxy that does not know the session', async () => {
    const { own } = await lost();
    const stranger = sessionServer({
      tokenSha256: createHash('sha256').update(TOKEN).digest('hex'),
      onToken: () => {},
      onStream: () => {},
      onAgent: () => {},
      onLink: () => {},
      resumeLimitMs: 60_000,
      resumable: () => true,
    });
    const other = await dial(await listen(stranger));
    other.write(encodePreamble(TOKEN));
    own.resume(duplexLink(other));
    await until(() => own.closed);
  });

  it('is not waited for where nobody comes again', async () => {
    const { own } = await lost();
    await relink(own);
    await until(() => links.at(-1) === 'up');
    kept = false;
    own.close();
    await until(() => agents.at(-1) === undefined);
  });
});

describe('a link without the session’s token', () => {
  const wrong = randomBytes(TOKEN_BYTES);
  const PREAMBLES: readonly [name: string, bytes: Buffer][] = [
    ['another token', encodePreamble(wrong)],
    ['no magic', Buffer.alloc(39, 'x')],
    ['another version', Buffer.concat([Buffer.from('tplink\x02', 'latin1'), TOKEN])],
    ['a request of HTTP', Buffer.from(`GET / HTTP/1.1\r\nHost: localhost:${0}\r\n\r\n`.padEnd(60))],
  ];
  for (const [name, bytes] of PREAMBLES) {
    it(`but ${name} is told so, and closed`, async () => {
      const socket = await dial(port);
      const there = follow(socket);
      socket.write(bytes);
      await until(() => there.ended);
      const { code, reason } = closeFrame(there.text);
      assert.equal(code, CloseCode.unauthorized);
      assert.ok(!reason.includes(TOKEN.toString('hex')));
      assert.deepEqual(agents, []);
    });
  }

  it('never becomes a tunnel, whatever follows', async () => {
    const { tunnel: own, closed } = await tunnel('agent', 'abc', wrong);
    await assert.rejects(own.ready, { code: CloseCode.unauthorized });
    assert.deepEqual(tokens, []);
    assert.equal(closed[0]?.code, CloseCode.unauthorized);
    assert.deepEqual([agents, streams], [[], []]);
  });

  it('that ends within the preamble is closed', async () => {
    for (const bytes of [Buffer.alloc(0), encodePreamble(TOKEN).subarray(0, 20)]) {
      const socket = await dial(port);
      const there = follow(socket);
      socket.end(bytes);
      await until(() => there.closed);
    }
    assert.deepEqual(agents, []);
  });

  it('that says nothing, or is slow to, is dropped when its time is over', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const [silent, slow] = [await dial(port), await dial(port)];
    const there = [follow(silent), follow(slow)];
    slow.write(encodePreamble(TOKEN).subarray(0, 38));
    await quietly();
    mock.timers.tick(PREAMBLE_LIMIT_MS - 1);
    await quietly();
    assert.ok(there.every(({ closed }) => !closed));
    mock.timers.tick(1);
    for (const each of there) await untilQuietly(() => each.ended || each.closed);
    assert.ok(
      there.every(({ text }) => text === ''),
      'without a word',
    );
  });

  it('is one of few', async () => {
    const held: Socket[] = [];
    for (let n = 0; n < MAX_UNKNOWN; n++) held.push(await dial(port));
    await quiet();
    const refused = attempt(port);
    await until(() => refused.closed || refused.ended);
    // One that goes makes room for one with the token.
    held[0]?.destroy();
    await quiet();
    const { tunnel: own } = await tunnel('agent');
    await own.ready;
  });

  it('does not count once it has shown the token', async () => {
    for (let n = 0; n < MAX_UNKNOWN + 4; n++) await (await tunnel('control')).tunnel.ready;
    await (await tunnel('agent')).tunnel.ready;
  });

  it('counts until it is closed, and is cut if it does not close', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const stuck: Socket[] = [];
    for (let n = 0; n < MAX_UNKNOWN; n++) {
      const socket = await dial(port);
      socket.write(encodePreamble(wrong));
      socket.resume(); // it never ends its own direction
      stuck.push(socket);
    }
    await quietly();
    const refused = attempt(port);
    await untilQuietly(() => refused.closed || refused.ended);
    mock.timers.tick(PREAMBLE_LIMIT_MS);
    const [one] = stuck;
    await untilQuietly(() => {
      one?.write('is anybody there?');
      return one?.destroyed === true;
    });
    mock.timers.reset();
    const { tunnel: own } = await tunnel('agent');
    await own.ready;
  });
});

/** As `quiet`, while the clock of this process stands still. */
async function quietly(): Promise<void> {
  for (let n = 0; n < 50; n++) await turn();
}

async function untilQuietly(condition: () => boolean): Promise<void> {
  for (let n = 0; n < 20_000; n++) {
    if (condition()) return;
    await turn();
  }
  throw new Error('waited in vain');
}
