import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { AgentTunnel } from '../../../images/network/agent-tunnel.ts';
import type { AgentEvent, Configuration } from '../../../images/network/messages.ts';
import { sessionServer } from '../../../images/proxy/sessions.ts';
import { encodePreamble, TOKEN_BYTES } from '../../../src/tunnel/preamble.ts';
import { encodeRequest } from '../../../src/tunnel/request.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import type { Tunnel } from '../../../src/tunnel/tunnel.ts';
import { closeAll, dial, listen, quiet, until } from '../sockets.ts';

const TOKEN = Buffer.alloc(TOKEN_BYTES);
const CONFIGURATION = { session: 'abc', resumeLimitMs: 60_000 } as Configuration;

let agent: AgentTunnel;
let told: AgentEvent[];
let retired: Tunnel[];
/** The agents that the pods' proxies have heard of. */
let agents: (Tunnel | undefined)[];
/** What came on the agent's streams. */
let said: string;
/** What the agent knows of the ports. */
let ports: number[] | undefined;

beforeEach(() => {
  [told, retired, agents, said, ports] = [[], [], [], '', [8080]];
  const [events, olds]: [AgentEvent[], Tunnel[]] = [told, retired];
  agent = new AgentTunnel({
    onStream: () => {},
    onRetired: (old) => olds.push(old),
    announcement: () => ports && { ports },
    tell: (event) => events.push(event),
  });
});
afterEach(closeAll);

/** A proxy's pod, where links end: with `token` those of its session. */
async function pod(token = TOKEN): Promise<number> {
  const heard = agents;
  return await listen(
    sessionServer({
      tokenSha256: createHash('sha256').update(token).digest('hex'),
      onToken: () => {},
      onStream(_role, stream: TunnelStream) {
        stream.accept();
        stream
          .on('error', () => {})
          .on('data', (chunk: Buffer) => {
            said += chunk;
          });
      },
      onAgent: (tunnel) => heard.push(tunnel),
      onLink: () => {},
      resumable: () => true,
      resumeLimitMs: 60_000,
    }),
  );
}

/** Gives the agent a link to that pod, and waits until it has told of it. */
async function link(port: number): Promise<Socket> {
  const socket = await dial(port);
  const before = told.length;
  socket.write(encodePreamble(TOKEN));
  agent.join(socket, CONFIGURATION);
  await until(() => told.length > before);
  return socket;
}

describe('the agent’s tunnel', () => {
  it('begins with the first link, and tells the proxy the ports', async () => {
    await link(await pod());
    assert.deepEqual(told, [{ event: 'linked', resumed: false }]);
    assert.ok(agent.current?.linked);
    await until(() => said === '{"ports":[8080]}\n');
    ports = [8080, 9090];
    agent.announce();
    await until(() => said.endsWith('{"ports":[8080,9090]}\n'));
  });

  it('says nothing of ports before they are known', async () => {
    ports = undefined;
    await link(await pod());
    agent.announce();
    await quiet();
    assert.equal(said, '');
  });

  it('goes on with another link when one is cut', async () => {
    const port = await pod();
    const first = await link(port);
    const { current } = agent;
    first.destroy();
    await until(() => told.length === 2);
    assert.partialDeepStrictEqual(told[1], { event: 'unlinked', kept: true });
    await link(port);
    assert.deepEqual(told[2], { event: 'linked', resumed: true });
    assert.equal(agent.current, current);
  });

  it('goes on with a better link while the one before is up', async () => {
    const port = await pod();
    await link(port);
    await link(port);
    assert.deepEqual(told[1], { event: 'linked', resumed: true });
  });

  it('is not bothered by a link that a later one overtook', async () => {
    const silent = await dial(await listen(createServer(() => {})));
    agent.join(silent, CONFIGURATION);
    await link(await pod());
    silent.destroy();
    await quiet();
    assert.deepEqual(told, [{ event: 'linked', resumed: false }]);
    assert.ok(agent.current?.linked);
  });

  it('tells of a link that never came up', async () => {
    await link(await pod(randomBytes(TOKEN_BYTES)));
    assert.partialDeepStrictEqual(told, [{ event: 'unlinked', kept: false }]);
    assert.equal(agent.current, undefined);
  });

  it('moves to the next pod, and keeps the old one until its connections are done', async () => {
    await link(await pod());
    const old = agent.current;
    assert.ok(old);
    const stream = old.open(encodeRequest({ kind: 'tcp', host: 'thing1', port: 80 }));
    stream.on('error', () => {}).resume();
    agent.move();
    const next = await link(await pod());
    assert.deepEqual(told[1], { event: 'linked', resumed: false });
    assert.notEqual(agent.current, old);
    assert.deepEqual(retired, [old]);
    await quiet();
    assert.ok(!old.closed);
    stream.destroy();
    await until(() => old.closed);
    assert.equal(told.length, 2, 'its end is no news');
    next.destroy();
    await until(() => told.length === 3);
    assert.partialDeepStrictEqual(told[2], { event: 'unlinked', kept: true });
  });

  it('says nothing of the old pod’s link while the next one is waited for', async () => {
    const first = await link(await pod());
    agent.move();
    first.destroy();
    await until(() => agent.current?.linked === false);
    assert.equal(told.length, 1);
  });

  it('says nothing of the old pod’s end while the next one is waited for', async () => {
    await link(await pod());
    agent.move();
    agent.current?.close();
    await until(() => agent.current === undefined);
    assert.equal(told.length, 1);
    await link(await pod());
    assert.deepEqual(told[1], { event: 'linked', resumed: false });
    assert.deepEqual(retired, []);
  });

  it('ends with a last word on its wire', async () => {
    const socket = await link(await pod());
    let over = false;
    agent.end(() => {
      over = true;
    });
    assert.ok(!over);
    await until(() => over);
    assert.ok(socket.destroyed);
    await until(() => agents.at(-1) === undefined, 'the proxy not to wait for another link');
  });

  it('that never had a link is over at once', () => {
    let over = false;
    agent.end(() => {
      over = true;
    });
    assert.ok(over);
  });
});
