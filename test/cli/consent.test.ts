import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { V1Pod } from '@kubernetes/client-node';
import { LINK_LOG, logLine } from '../../images/proxy/link-log.ts';
import { consentTo } from '../../src/consent.ts';
import { TpError } from '../../src/errors.ts';
import { type Owner, ownOwner, SESSION } from '../../src/labels.ts';
import type { Remains } from '../../src/leave.ts';
import type { Progress } from '../../src/progress.ts';
import { FakeCluster } from '../cluster-side/fake-cluster.ts';

const me = ownOwner();
const ann: Owner = { ...me, user: 'ann', host: 'desk', machine: 'f00' };
const place = { context: 'test', namespace: 'shop' };
const remains = (session: string, owner: Owner | undefined): Remains => ({
  session,
  owner,
  held: undefined,
  workload: undefined,
  place,
});

let fake: FakeCluster;
let asked: string[];
let said: string[];

/** Asks with a terminal where somebody gives this answer, else without one. */
async function consent(chosen: Remains[], { yes = false, answer }: { yes?: boolean; answer?: string } = {}) {
  const progress = {
    inputIsFree: answer !== undefined,
    lend: <T>(work: () => Promise<T>) => work(),
    say: (line: string) => void said.push(line),
  } as unknown as Progress;
  const replying = async (question: string) => {
    asked.push(question);
    return answer ?? '';
  };
  const agreed = await consentTo(chosen, fake.cluster, { yes, progress, answer: replying });
  return agreed.map(({ session }) => session);
}

/** Gives the session a pod whose log says this of the link, so many seconds ago. */
function logged(session: string, line: string, secondsAgo: number): void {
  const metadata = { name: `pod-${session}`, labels: { [SESSION]: session } };
  fake.configMaps.add({ metadata });
  fake.pods.add({ metadata, spec: { containers: [] } } as V1Pod);
  fake.logs.set(metadata.name, logLine(line, new Date(Date.now() - secondsAgo * 1_000)));
}

const notYours = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof TpError);
  assert.equal(error.code, 'TP_NOT_YOURS');
  assert.match(error.message, message);
  assert.match(error.hint ?? '', /^ask ann to end it\ntp leave abc --yes$/);
  return true;
};

beforeEach(() => {
  fake = new FakeCluster();
  asked = [];
  said = [];
});

describe('ending sessions', () => {
  it('needs nobody’s consent for one’s own, for dead ones, and for those of nobody', async () => {
    const dead = { ...me, user: 'ann', pid: 1, started: 'never' };
    const all = [remains('own', me), remains('dead', dead), remains('nobody', undefined)];
    assert.deepEqual(await consent(all), ['own', 'dead', 'nobody']);
    assert.deepEqual(fake.requests, []);
  });

  it('is refused for another machine’s that may still run, where nobody can be asked', async () => {
    logged('abc', LINK_LOG.joined, 180);
    await assert.rejects(consent([remains('abc', ann)]), notYours(/ann@desk runs it, connected for 3 min/));
  });

  it('is refused for another user’s on this machine', async () => {
    const other = { ...me, user: 'ann' };
    await assert.rejects(
      consent([remains('abc', other)]),
      notYours(/ann runs it on this machine, as process \d+/),
    );
  });

  it('is refused before any is touched', async () => {
    logged('abc', LINK_LOG.joined, 1);
    await assert.rejects(consent([remains('own', me), remains('abc', ann)]), notYours(/connected/));
  });

  it('asks on a terminal, and leaves alone what is not agreed to', async () => {
    logged('abc', LINK_LOG.down, 5);
    for (const answer of ['y', 'Yes '])
      assert.deepEqual(await consent([remains('abc', ann)], { answer }), ['abc']);
    assert.match(
      asked[0] ?? '',
      /^tp session abc: ann@desk runs it, connecting for 5 s\. End it\? \[y\/N\] $/,
    );
    for (const answer of ['', 'n', 'yesterday']) {
      assert.deepEqual(await consent([remains('own', me), remains('abc', ann)], { answer }), ['own']);
    }
    assert.equal(said.at(-1), 'left alone: abc');
  });

  it('asks nothing with --yes', async () => {
    logged('abc', LINK_LOG.joined, 1);
    assert.deepEqual(await consent([remains('abc', ann)], { yes: true }), ['abc']);
    assert.deepEqual(fake.requests, []);
  });

  it('asks nothing of one that has no pod, or that nobody has been connected to for long', async () => {
    assert.deepEqual(await consent([remains('abc', ann)]), ['abc']);
    logged('def', LINK_LOG.gone, 3_600);
    assert.deepEqual(await consent([remains('def', ann)]), ['def']);
    logged('abc', LINK_LOG.gone, 60);
    await assert.rejects(consent([remains('abc', ann)]), notYours(/gone for 1 min/));
  });

  it('asks where the log says nothing', async () => {
    logged('abc', 'session abc: ports none', 60);
    await assert.rejects(consent([remains('abc', ann)]), notYours(/ann@desk runs it$/));
  });
});
