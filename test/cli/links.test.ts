import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { Duplex, duplexPair } from 'node:stream';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import type { PodSide, ProxyWatcher } from '../../src/cluster/pod-side.ts';
import type { Network } from '../../src/docker/network.ts';
import type { TpErrorCode } from '../../src/error-codes.ts';
import { TpError } from '../../src/errors.ts';
import { joinLink } from '../../src/link.ts';
import { Links } from '../../src/links.ts';
import type { Progress } from '../../src/progress.ts';
import { CLOSE_GRACE_MS } from '../../src/tunnel/limits.ts';
import { encodePreamble } from '../../src/tunnel/preamble.ts';
import { quiet, until } from '../images/sockets.ts';

/** As in the code (ms). */
const TRUSTED_MS = 60_000;

/** A stream that takes everything and says nothing. */
const silent = () => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });

/** The two sides of a session, scripted: what each attempt to connect meets is taken from a list. */
class Sides {
  readonly agent = Object.assign(new EventEmitter(), {
    moved: 0,
    move: () => {
      this.agent.moved++;
    },
    /** Each link comes up at once, unless the script says otherwise. */
    linked: async () => {
      this.links++;
      const failure = this.linkFailures.shift();
      if (failure) throw failure;
      this.agent.emit('event', { event: 'linked', resumed: this.resumed });
      return this.resumed;
    },
  });
  readonly said: string[] = [];
  readonly givenUp: unknown[] = [];
  readonly events: unknown[] = [];
  linkFailures: Error[] = [];
  /** Per attempt: an error, or the name of the pod that is there. */
  pods: (Error | string)[] = [];
  resumed = true;
  links = 0;
  connected = true;
  pod = { name: 'pod-1', uid: 'pod-1', ip: '10.0.0.1' };
  watcher: ProxyWatcher | undefined;
  /** Per wish for a straight stream: one, or why there is none; the first that is missing is not there either. */
  straight: (Duplex | Error)[] = [];
  wishes = 0;
  /** The agent's ends of all links. */
  agents: Duplex[] = [];
  readonly manager: Links;

  constructor(giveUpMs?: number) {
    const proxy = {
      get pod() {
        return sides.pod;
      },
      get connected() {
        return sides.connected;
      },
      watch: (watcher: ProxyWatcher) => {
        this.watcher = watcher;
      },
      streams: {
        open: async () => silent(),
        openStraight: async () => {
          this.wishes++;
          const there = this.straight.shift() ?? new Error('no such way');
          if (there instanceof Error) throw there;
          return there;
        },
      },
      reconnect: async () => {
        const there = this.pods.shift() ?? this.pod.name;
        if (there instanceof Error) throw there;
        const other = there !== this.pod.name;
        this.pod = { name: there, uid: there, ip: '10.0.0.2' };
        this.connected = true;
        return other;
      },
    };
    const sides = this;
    const say = (line: string) => void this.said.push(line);
    this.manager = new Links({
      proxy: proxy as unknown as PodSide,
      network: {
        agent: this.agent,
        openStream: async () => {
          const [near, far] = duplexPair();
          this.agents.push(far.resume());
          return near;
        },
      } as unknown as Network,
      token: Buffer.alloc(32),
      progress: { say, warn: say } as unknown as Progress,
      onEvent: (event) => void this.events.push(event),
      onGivenUp: (error) => void this.givenUp.push(error),
      ...(giveUpMs !== undefined && { giveUpMs }),
    });
  }

  /** The agent's link is cut, and the CLI's own with it. */
  cut(): void {
    // What it was made of is gone, too.
    for (const agent of this.agents.splice(0)) agent.destroy();
    this.connected = false;
    this.agent.emit('event', { event: 'unlinked', reason: 'reset', kept: true });
    this.watcher?.onLost(new Error('reset'));
  }
}

const failure = (code: TpErrorCode, message: string) => new TpError(code, message);

let sides: Sides;
beforeEach(async () => {
  sides = new Sides();
  await sides.manager.begin(new AbortController().signal);
  assert.equal(sides.manager.connected, true);
});
afterEach(() => sides.manager.stop());

describe('a link that is cut', () => {
  it('is made again, for both of the tunnels, and only once', async () => {
    sides.cut();
    assert.equal(sides.manager.connected, false);
    await until(() => sides.manager.connected);
    assert.equal(sides.links, 2);
    assert.equal(sides.manager.reconnects, 1);
    assert.deepEqual(sides.givenUp, []);
    assert.match(
      sides.said.join('\n'),
      /the link is cut \(reset\): connecting again\nconnected again after \d/,
    );
  });

  it('is tried again and again, and each new reason said once', async () => {
    const unreachable = failure('TP_CLUSTER_UNREACHABLE', 'no answer');
    sides.pods = [unreachable, unreachable, failure('TP_PROXY_UNREACHABLE', 'no pod runs yet')];
    sides.cut();
    await until(() => sides.manager.connected);
    assert.deepEqual(
      sides.said.filter((line) => line.startsWith('still')),
      ['still connecting: no answer', 'still connecting: no pod runs yet'],
    );
  });

  it('that the agent cannot use yet is tried again', async () => {
    sides.linkFailures = [failure('TP_LINK_FAILED', 'no hello')];
    sides.cut();
    await until(() => sides.manager.connected);
    assert.equal(sides.links, 3);
  });

  it('is made again when only the agent’s is cut', async () => {
    sides.agent.emit('event', { event: 'unlinked', reason: 'exec ended', kept: true });
    await until(() => sides.manager.connected && sides.links === 2);
    assert.equal(sides.pod.name, 'pod-1');
  });

  it('leads to the pod that took the place of the last one, and says what ends', async () => {
    sides.resumed = false;
    sides.pods = ['pod-2'];
    sides.cut();
    await until(() => sides.manager.connected);
    assert.match(sides.said.join('\n'), /pod pod-2 \(10\.0\.0\.2\) stands in now/);
    assert.match(sides.said.join('\n'), /connections through the old pod end/);
    assert.equal(sides.agent.moved, 0, 'nothing is left to finish there');
  });

  it('is given up at once when the session is gone', async () => {
    sides.pods = [failure('TP_SESSION_GONE', 'no')];
    sides.cut();
    await until(() => sides.givenUp.length === 1);
    assert.equal((sides.givenUp[0] as TpError).code, 'TP_SESSION_GONE');
  });

  it('is given up, with what to do then, when it could not be made for so long', async () => {
    const impatient = new Sides(500);
    await impatient.manager.begin(new AbortController().signal);
    impatient.pods = Array.from({ length: 20 }, () => failure('TP_CLUSTER_UNREACHABLE', 'no answer'));
    impatient.cut();
    await until(() => impatient.givenUp.length === 1);
    const [error] = impatient.givenUp;
    assert.ok(error instanceof TpError && error.code === 'TP_LINK_LOST' && /tp leave/.test(error.hint ?? ''));
    assert.equal(impatient.manager.connected, false);
  });

  for (const code of ['TP_FORBIDDEN', 'TP_LOGIN_EXPIRED'] as const) {
    it(`is tried again after ${code}, as of an API server that has just started`, async () => {
      sides.pods = [failure(code, 'no'), failure(code, 'no')];
      sides.cut();
      await until(() => sides.manager.connected);
      assert.deepEqual(sides.givenUp, []);
    });
  }

  it('is not made again once the session ends', async () => {
    await sides.manager.stop();
    sides.cut();
    assert.equal(sides.links, 1);
    assert.deepEqual(sides.givenUp, []);
  });

  it('stops being made again when the session ends meanwhile', async () => {
    sides.cut();
    void sides.manager.stop();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([sides.links, sides.givenUp], [1, []]);
  });
});

/** Joins the two sides of a link; the agent never says that it has one, if not `linked`. */
const join = (
  pod: () => Promise<Duplex>,
  side: () => Promise<Duplex>,
  linked = () => new Promise<boolean>(() => {}),
) =>
  joinLink(
    { streams: { open: pod } } as unknown as PodSide,
    { agent: { linked }, openStream: side } as unknown as Network,
    Buffer.alloc(32),
    new AbortController().signal,
  );

describe('a link whose sides do not come up together', () => {
  it('leaves no stream open, and nothing unhandled', async () => {
    const opened: Duplex[] = [];
    const open = async () => {
      opened.push(silent());
      return opened.at(-1) as Duplex;
    };
    const late = async () => {
      const stream = await open();
      stream.destroy();
      return stream;
    };
    const refuse = () => Promise.reject(new Error('refused'));
    await assert.rejects(join(open, refuse), /refused/);
    await assert.rejects(join(open, late), { code: 'TP_LINK_FAILED' });
    await assert.rejects(join(refuse, open), /refused/);
    assert.equal(opened.length, 3, 'the agent is not asked for a link that has no other end');
    await until(() => opened.every(({ destroyed }) => destroyed));
  });
});

/** The same, of two sides that come up. */
const joined = (pod: Duplex, agent: Duplex) =>
  join(
    async () => pod,
    async () => agent,
    async () => true,
  );

/** Takes nothing, and says nothing by itself. */
const stuck = () => new Duplex({ read() {}, write() {} });

/** The agent says something, ends and closes, on a link to `pod`. */
async function agentEnds(pod: Duplex): Promise<void> {
  const [agent, atAgent] = duplexPair();
  await joined(pod, agent);
  atAgent.end('last words');
  agent.once('end', () => agent.destroy());
  await once(agent, 'close');
}

describe('the two sides of a link', () => {
  for (const fromAgent of [true, false]) {
    const what = fromAgent ? 'agent to proxy' : 'proxy to agent';
    it(`${what}: what one says, and its end, comes at the other, and then both are closed`, async () => {
      const [pod, atPod] = duplexPair();
      const [agent, atAgent] = duplexPair();
      await joined(pod, agent);
      const [said, heard] = fromAgent ? [atAgent, atPod] : [atPod, atAgent];
      let text = '';
      heard.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      said.end('last words');
      await once(heard, 'end');
      assert.ok(text.endsWith('last words'));
      heard.end();
      await until(() => pod.destroyed && agent.destroyed);
    });

    it(`${what}: where one fails, so does the other`, async () => {
      const [pod, agent] = [stuck(), stuck()];
      await joined(pod, agent);
      const [failing, other] = fromAgent ? [agent, pod] : [pod, agent];
      failing.push('what the other does not take');
      await once(failing, 'data');
      failing.destroy(new Error('cut'));
      await new Promise((resolve) => failing.once('close', resolve));
      assert.equal(other.destroyed, true);
    });
  }

  it('closes the proxy’s, too, when that has taken what the agent’s said last', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const pod = silent();
    await Promise.all([once(pod, 'close'), agentEnds(pod)]);
  });

  it('closes the proxy’s, too, if that takes nothing any more when the agent’s has ended', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const pod = stuck();
    await agentEnds(pod);
    assert.equal(pod.destroyed, false, 'what was said last may still leave');
    t.mock.timers.tick(CLOSE_GRACE_MS);
    assert.equal(pod.destroyed, true);
  });
});

describe('the straight way', () => {
  /** A link that is straight, over a stream whose other end is given, too. */
  async function straightened(): Promise<[Duplex, Duplex]> {
    const pair = duplexPair();
    sides.straight = [pair[0]];
    sides.cut();
    await until(() => sides.manager.straight);
    return pair;
  }

  it('is asked for when a link is there, which stays where there is none', async () => {
    assert.equal(sides.wishes, 1);
    assert.deepEqual([sides.manager.connected, sides.manager.straight, sides.links], [true, false, 1]);
    sides.cut();
    await until(() => sides.manager.connected && sides.wishes === 2);
    assert.equal(sides.manager.straight, false);
  });

  it('takes the agent’s link, which is shown the token first and is not waited for', async () => {
    const [, atPod] = await straightened();
    const [first] = (await once(atPod, 'data')) as [Buffer];
    assert.deepEqual(first, encodePreamble(Buffer.alloc(32)));
    sides.agents.at(-1)?.write('of the agent');
    assert.equal(`${(await once(atPod, 'data'))[0]}`, 'of the agent');
    assert.deepEqual([sides.manager.connected, sides.links], [true, 3]);
  });

  /** The straight link is lost, when it has lasted for so long (ms). */
  async function lose(t: TestContext, lastedMs: number): Promise<void> {
    const now = performance.now();
    const clock = t.mock.method(performance, 'now', () => now + lastedMs);
    sides.straight = [silent()];
    sides.agent.emit('event', { event: 'unlinked', reason: 'cut', kept: true });
    assert.equal(sides.manager.straight, false);
    clock.mock.restore();
    await until(() => sides.manager.connected);
  }

  it('is left for a port-forward when it is lost, and not taken again if that was soon, twice in turn', async (t) => {
    await straightened();
    await lose(t, TRUSTED_MS / 2);
    await until(() => sides.manager.straight);
    await lose(t, 0);
    await quiet();
    assert.deepEqual([sides.manager.straight, sides.wishes], [false, 3]);
  });

  it('is taken again as often as it has lasted', async (t) => {
    await straightened();
    for (const lastedMs of [0, TRUSTED_MS, 0, TRUSTED_MS]) {
      await lose(t, lastedMs);
      await until(() => sides.manager.straight);
    }
  });

  it('is asked for again when the CLI’s own tunnel was lost meanwhile, and only that', async () => {
    const { promise, resolve } = Promise.withResolvers<Duplex>();
    sides.straight = [promise as unknown as Duplex, silent()];
    sides.cut();
    await until(() => sides.manager.connected && sides.wishes === 2);
    sides.connected = false;
    const late = silent();
    resolve(late);
    await until(() => late.destroyed);
    sides.watcher?.onLost(new Error('reset'));
    await until(() => sides.manager.straight);
    assert.equal(sides.links, 3, 'the agent’s first, the one after the cut, and the straight one');
  });

  it('has moved, or not, before anything else is given to the agent', async () => {
    for (const comesUp of [true, false]) {
      const { promise: linked, resolve, reject } = Promise.withResolvers<boolean>();
      sides = new Sides();
      sides.straight = [silent()];
      await sides.manager.begin(new AbortController().signal);
      sides.agent.linked = () => linked;
      await until(() => sides.agents.length === 2);
      sides.pods = ['pod-2'];
      sides.watcher?.onEvent({ event: 'ending' });
      await quiet(400); // the next pod is looked for after 150 ms at the latest
      assert.deepEqual([sides.agent.moved, sides.agents.length], [0, 2]);
      sides.agent.linked = async () => {
        sides.agent.emit('event', { event: 'linked', resumed: false });
        return false;
      };
      if (comesUp) resolve(true);
      else reject(new Error('no hello'));
      await until(() => sides.manager.connected);
      assert.deepEqual([sides.agent.moved, sides.agents.length], [1, 3]);
      await sides.manager.stop();
    }
  });

  it('is not taken when the session ends, and one that moves is waited for', async () => {
    const { promise, resolve } = Promise.withResolvers<Duplex>();
    sides.straight = [promise as unknown as Duplex];
    sides.cut();
    await until(() => sides.manager.connected && sides.wishes === 2);
    await sides.manager.stop();
    const late = silent();
    resolve(late);
    await until(() => late.destroyed);

    sides = new Sides();
    sides.straight = [silent()];
    await sides.manager.begin(new AbortController().signal);
    const linked = Promise.withResolvers<boolean>();
    sides.agent.linked = () => linked.promise;
    await until(() => sides.agents.length === 2);
    let stopped = false;
    const stopping = sides.manager.stop().then(() => {
      stopped = true;
    });
    await quiet();
    assert.equal(stopped, false);
    linked.resolve(true);
    await stopping;
  });

  it('that comes when its link is gone already is closed', async () => {
    const { promise, resolve } = Promise.withResolvers<Duplex>();
    sides.straight = [promise as unknown as Duplex];
    sides.cut();
    await until(() => sides.manager.connected && sides.wishes === 2);
    sides.cut();
    await until(() => sides.manager.connected && sides.wishes === 3);
    const late = silent();
    resolve(late);
    await until(() => late.destroyed);
    assert.equal(sides.manager.straight, false);
  });
});

describe('a pod that is about to end', () => {
  it('is left for its successor as soon as that runs, while it finishes what it has', async () => {
    sides.resumed = false;
    sides.pods = ['pod-1', 'pod-2'];
    sides.watcher?.onEvent({ event: 'ending' });
    await until(() => sides.manager.connected);
    assert.equal(sides.pod.name, 'pod-2');
    assert.equal(sides.agent.moved, 1);
    assert.equal(sides.links, 2);
    assert.deepEqual(sides.events, [], 'that is not for the person');
  });
});
