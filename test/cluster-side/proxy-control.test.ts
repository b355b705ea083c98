import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type ControlOptions, EventFeed, serveCall } from '../../images/proxy/control.ts';
import { sessionServer } from '../../images/proxy/sessions.ts';
import { ProxyControl } from '../../src/cluster/proxy-control.ts';
import { TpError } from '../../src/errors.ts';
import type { Phase, ProxyEvent } from '../../src/tunnel/control.ts';
import { TOKEN_BYTES } from '../../src/tunnel/preamble.ts';
import { decodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { closeAll, dial, listen, quiet, until } from '../images/sockets.ts';

const TOKEN = randomBytes(TOKEN_BYTES);

let port: number;
let phases: Phase[];
let feed: EventFeed;
/** What the proxy does with a call; the real thing by default. */
let onCall: (stream: TunnelStream) => void;
let connections: Socket[];

beforeEach(async () => {
  phases = [];
  feed = new EventFeed();
  connections = [];
  const options: ControlOptions = {
    environment: { A: 'a' },
    addresses: ['10.42.0.9'],
    fallback: undefined,
    onPhase: (phase) => phases.push(phase),
    onServe: async () => assert.fail('not asked for'),
  };
  onCall = (stream) => serveCall(stream, options);
  const server = sessionServer({
    tokenSha256: createHash('sha256').update(TOKEN).digest('hex'),
    onToken: () => {},
    onStream(role, stream, request) {
      assert.equal(role, 'control');
      if (decodeRequest(request).kind === 'call') onCall(stream);
      else feed.add(stream);
    },
    onAgent: () => assert.fail('the CLI is no agent'),
    onLink: () => assert.fail('the CLI is no agent'),
    resumable: () => true,
    resumeLimitMs: 60_000,
  });
  server.on('connection', (socket) => connections.push(socket));
  port = await listen(server);
});
afterEach(closeAll);

async function control(lost: Error[] = [], token = TOKEN): Promise<ProxyControl> {
  return await ProxyControl.open(await dial(port), token, 'abc', (error) => lost.push(error));
}

const unreachable = (message: RegExp) => (error: unknown) =>
  error instanceof TpError && error.code === 'TP_PROXY_UNREACHABLE' && message.test(error.message);

describe('the CLI’s tunnel to the proxy', () => {
  it('asks what the pod looks like', async () => {
    const { environment, addresses } = await (await control()).describe();
    assert.deepEqual(environment, { A: 'a' });
    assert.deepEqual(addresses, ['10.42.0.9']);
  });

  it('asks several things at once', async () => {
    const own = await control();
    const [view, probe] = await Promise.all([own.describe(), own.probe([80]), own.setPhase('ended')]);
    assert.deepEqual(view.addresses, ['10.42.0.9']);
    assert.deepEqual(probe, [{ port: 80, failure: 'there is no fallback' }]);
    assert.deepEqual(phases, ['ended']);
  });

  it('says why there is no answer', async () => {
    const own = await control();
    onCall = (stream) => {
      stream.accept();
      stream.end('{"error":"not today"}\n');
    };
    await assert.rejects(own.describe(), unreachable(/\(describe\): not today/));
    onCall = (stream) => {
      stream.accept();
      stream.end();
    };
    await assert.rejects(own.describe(), unreachable(/without an answer/));
    onCall = (stream) => stream.destroy();
    await assert.rejects(own.probe([1]), unreachable(/\(probe\)/));
    onCall = (stream) => {
      stream.accept();
      stream.end('not JSON\n');
    };
    await assert.rejects(own.describe(), unreachable(/not JSON/));
  });

  it('is not left waiting when the proxy goes', async () => {
    const lost: Error[] = [];
    const own = await control(lost);
    onCall = (stream) => stream.accept();
    const asked = own.describe();
    asked.catch(() => {});
    await quiet(20);
    for (const socket of connections) socket.destroy();
    await assert.rejects(asked, unreachable(/the link closed/));
    assert.equal(lost.length, 1);
    await assert.rejects(own.describe(), TpError);
  });

  it('hears what happens in the pod', async () => {
    const own = await control();
    const events: ProxyEvent[] = [];
    own.follow((event) => events.push(event));
    await until(() => {
      feed.tell({ event: 'ending' });
      return events.length > 0;
    });
    assert.deepEqual(events[0], { event: 'ending' });
  });

  it('is closed without anybody thinking that it was lost', async () => {
    const lost: Error[] = [];
    const own = await control(lost);
    own.close();
    await until(() => connections.every(({ destroyed }) => destroyed));
    assert.deepEqual(lost, []);
  });

  it('is not opened with a wrong token, and says why', async () => {
    await assert.rejects(control([], randomBytes(TOKEN_BYTES)), unreachable(/not the token of this session/));
  });

  it('is not opened to what is not there', async () => {
    const server = await listen(createServer((socket) => socket.destroy()));
    const opening = ProxyControl.open(await dial(server), TOKEN, 'abc', () => {});
    await assert.rejects(opening, unreachable(/./));
  });
});
