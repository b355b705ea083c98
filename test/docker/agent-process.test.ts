import assert from 'node:assert/strict';
import { Duplex, PassThrough } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import type Dockerode from 'dockerode';
import type { AgentCommand, AgentEvent, Configuration } from '../../images/network/messages.ts';
import { AgentProcess } from '../../src/docker/agent-process.ts';
import { TpError } from '../../src/errors.ts';
import { encodeMessage, MessageDecoder } from '../../src/tunnel/message.ts';
import { quiet, until } from '../images/sockets.ts';

/** The agent's side of `docker exec`: what it was told, and what it says. */
class FakeAgent {
  readonly told: AgentCommand[] = [];
  readonly #output = new PassThrough();
  readonly #socket: Duplex;
  readonly container: Dockerode.Container;

  constructor() {
    const input = new PassThrough();
    const decoder = new MessageDecoder();
    input.on('data', (chunk: Buffer) => this.told.push(...([...decoder.push(chunk)] as AgentCommand[])));
    this.#socket = Duplex.from({ readable: this.#output, writable: input });
    this.#socket.on('error', () => {});
    this.#socket.on('end', () => this.#socket.destroy()); // as Docker does when the process has ended
    const exec = { start: async () => this.#socket, inspect: async () => ({ ExitCode: 1 }) };
    this.container = { exec: async () => exec } as unknown as Dockerode.Container;
  }

  /** The one that the next exec in the same container starts. */
  successor(): FakeAgent {
    const next = new FakeAgent();
    Object.assign(this.container, { exec: () => next.container.exec({}) });
    return next;
  }

  say(event: AgentEvent): void {
    this.#frame(1, encodeMessage(event));
  }

  /** It ends, with these last words. */
  die(stderr: string): void {
    this.#frame(2, Buffer.from(stderr));
    this.#output.end();
  }

  #frame(kind: number, bytes: Buffer): void {
    const header = Buffer.from([kind, 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt32BE(bytes.length, 4);
    this.#output.write(Buffer.concat([header, bytes]));
  }
}

const CONFIGURATION: Configuration = {
  session: 'abc',
  podAddresses: ['10.42.0.9'],
  clusterAddresses: [],
  resumeLimitMs: 60_000,
  resolvConf: 'nameserver 10.43.0.10\n',
  hostAliases: [],
  toPod: [],
  fromPod: [],
  ports: [{ pod: 8080, process: 3000 }],
  addresses: [],
  names: {},
};

const failed = (code: string) => (error: unknown) => error instanceof TpError && error.code === code;
const agents: AgentProcess[] = [];

async function started(): Promise<{
  fake: FakeAgent;
  agent: AgentProcess;
  events: AgentEvent[];
  lost: TpError[];
}> {
  const fake = new FakeAgent();
  const starting = AgentProcess.start(fake.container);
  await quiet(5);
  fake.say({ event: 'started' });
  const agent = await starting;
  agents.push(agent);
  const events: AgentEvent[] = [];
  const lost: TpError[] = [];
  agent.on('event', (event) => events.push(event));
  agent.on('lost', (error) => lost.push(error));
  return { fake, agent, events, lost };
}

/** An agent that has been told what it is to be. */
async function configured(): ReturnType<typeof started> {
  const { fake, agent, ...rest } = await started();
  const configuring = agent.configure({ ...CONFIGURATION });
  await quiet(5);
  fake.say({ event: 'configured', features: [] });
  await configuring;
  return { fake, agent, ...rest };
}

describe('the agent, as the CLI sees it', () => {
  afterEach(() => {
    for (const agent of agents.splice(0)) agent.end();
  });

  it('is started when it says so', async () => {
    const { fake, agent, events } = await started();
    fake.say({ event: 'listening', ports: [8080], udp: [] });
    await until(() => events.length === 1);
    assert.deepEqual(events, [{ event: 'listening', ports: [8080], udp: [] }]);
    agent.setLocal({ addresses: ['172.17.0.1'], names: {} });
    await until(() => fake.told.length === 1);
    assert.deepEqual(fake.told, [{ command: 'local', addresses: ['172.17.0.1'], names: {} }]);
  });

  it('that does not start says why in its own words', async () => {
    const fake = new FakeAgent();
    const starting = AgentProcess.start(fake.container);
    await quiet(5);
    fake.die('open /dev/net/tun: errno 2');
    await assert.rejects(starting, (error) => {
      assert.ok(failed('TP_AGENT_LOST')(error));
      assert.equal((error as TpError).hint, 'open /dev/net/tun: errno 2');
      return true;
    });
  });

  it('is configured when it says so', async () => {
    const { fake, agent } = await started();
    let done = false;
    const configuring = agent.configure(CONFIGURATION).then(() => {
      done = true;
    });
    await until(() => fake.told.length === 1);
    assert.deepEqual(fake.told, [{ command: 'configure', ...CONFIGURATION }]);
    fake.say({ event: 'warning', message: 'x' });
    await quiet(10);
    assert.equal(done, false);
    fake.say({ event: 'configured', features: [] });
    await configuring;
  });

  it('has a link when it says so, or says why not', async () => {
    const { fake, agent } = await started();
    const linked = agent.linked();
    fake.say({ event: 'linked', resumed: false });
    await linked;
    const refused = agent.linked();
    fake.say({ event: 'unlinked', reason: 'the link closed', kept: false });
    await assert.rejects(
      refused,
      (error) => failed('TP_LINK_FAILED')(error) && /the link closed/.test(`${error}`),
    );
  });

  it('that dies is started again, with what it was told last', async () => {
    const { fake, agent, events, lost } = await configured();
    agent.setLocal({ addresses: ['172.17.0.1'], names: {} });
    const next = fake.successor();
    fake.die('out of memory');
    await until(() => events.some(({ event }) => event === 'warning'));
    assert.deepEqual(events.slice(1), [
      { event: 'unlinked', reason: 'the agent ended', kept: false },
      { event: 'warning', message: 'the agent ended, and is started again: out of memory' },
    ]);
    next.say({ event: 'started' });
    await until(() => next.told.length === 1);
    assert.deepEqual(next.told, [{ command: 'configure', ...CONFIGURATION, addresses: ['172.17.0.1'] }]);
    next.say({ event: 'configured', features: [] });
    await quiet(10);
    assert.deepEqual(lost, []);
  });

  it('that dies again while it is started again is started once more; who asks meanwhile is answered then', async () => {
    const { fake, agent, lost } = await configured();
    const second = fake.successor();
    fake.die('once');
    await quiet(5);
    const pausing = agent.pause(100);
    const third = fake.successor();
    second.die('twice');
    await quiet(5);
    third.say({ event: 'started' });
    await until(() => third.told.length === 1);
    third.say({ event: 'configured', features: [] });
    await until(() => third.told.length === 2);
    assert.deepEqual(third.told[1], { command: 'pause', limitMs: 100 });
    third.say({ event: 'paused' });
    await pausing;
    assert.deepEqual(lost, []);
  });

  it('that dies while it drains connections has none to drain', async () => {
    const { fake, agent } = await configured();
    const pausing = agent.pause(100);
    await quiet(5);
    fake.successor();
    fake.die('killed');
    await pausing;
  });

  it('that keeps dying is lost', async () => {
    const { fake, lost } = await configured();
    let current = fake;
    for (let count = 0; count < 4; count++) {
      const next = fake.successor();
      current.die(`death ${count}`);
      await quiet(5);
      if (lost.length > 0) break;
      next.say({ event: 'started' });
      await until(() => next.told.length === 1);
      next.say({ event: 'configured', features: [] });
      await quiet(5);
      current = next;
    }
    assert.equal(lost.length, 1);
    assert.equal(lost[0]?.hint, 'death 3');
  });

  it('that ends with the daemon is lost with it', async () => {
    const { fake, lost } = await configured();
    const gone = new TpError('TP_NO_DOCKER', 'Docker does not answer');
    Object.assign(fake.container, { exec: () => Promise.reject(gone) });
    fake.die('');
    await until(() => lost.length > 0);
    assert.deepEqual(lost, [gone]);
  });

  it('that ends is lost, told once, and nobody waits for it', async () => {
    const { fake, agent, lost } = await started();
    const waiting = agent.configure(CONFIGURATION);
    fake.die('killed');
    await assert.rejects(waiting, failed('TP_AGENT_LOST'));
    await quiet(10);
    assert.equal(lost.length, 1);
  });

  it('that was asked to end is not lost', async () => {
    const { agent, lost } = await started();
    agent.end();
    await quiet(10);
    assert.deepEqual(lost, []);
  });
});
