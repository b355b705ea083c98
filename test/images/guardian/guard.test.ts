import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { GUARDIAN, Guard, type Lease } from '../../../images/guardian/guard.ts';

const DURATION_MS = 60_000;

let lease: Lease | undefined;
let scaled: number;
let failing: boolean;
let guard: Guard;
/** Somebody else's change between the guardian's look and its own. */
let meanwhile: () => void;

const held = (renewed: string): Lease => ({ holder: 'abc', renewed, durationMs: DURATION_MS, version: '1' });

beforeEach(() => {
  lease = held('noon');
  [scaled, failing, meanwhile] = [0, false, () => {}];
  const down = () => {
    if (failing) throw new Error('HTTP 503');
  };
  guard = new Guard({
    async lease() {
      down();
      return lease && { ...lease };
    },
    async handOver(holder, version) {
      meanwhile();
      if (lease?.version === version) lease = { ...lease, holder, version: `${Number(version) + 1}` };
    },
    async scaleBack() {
      down();
      scaled++;
    },
  });
});

describe('the guardian', () => {
  it('does nothing while the lease is renewed, whatever the time in it says', async () => {
    for (let now = 0; now < 10 * DURATION_MS; now += DURATION_MS / 2) {
      lease = held(now % DURATION_MS === 0 ? 'yesterday' : 'tomorrow');
      assert.equal(await guard.look(now), 'held');
    }
    assert.equal(scaled, 0);
  });

  it('scales back once the lease has run out since it was first seen, and only once', async () => {
    assert.equal(await guard.look(5_000), 'held');
    assert.equal(await guard.look(5_000 + DURATION_MS - 1), 'held');
    assert.equal(lease?.holder, 'abc');
    assert.equal(await guard.look(5_000 + DURATION_MS), 'held');
    assert.equal(lease?.holder, GUARDIAN, 'the session is told before anything is scaled');
    assert.equal(scaled, 0);
    assert.equal(await guard.look(5_000 + DURATION_MS), 'scaled back');
    assert.equal(await guard.look(5_000 + 2 * DURATION_MS), 'scaled back');
    assert.deepEqual([scaled, lease?.holder], [1, '']);
  });

  it('leaves a session alone that renews in the last moment', async () => {
    await guard.look(0);
    meanwhile = () => {
      lease = { ...held('now'), version: '2' };
    };
    assert.equal(await guard.look(DURATION_MS), 'held');
    meanwhile = () => {};
    assert.equal(await guard.look(DURATION_MS), 'held');
    assert.deepEqual([scaled, lease?.holder], [0, 'abc']);
  });

  it('goes on after a start of its own: it waits a whole lease, or finishes what was begun', async () => {
    assert.equal(await guard.look(1_000_000), 'held');
    lease = { ...held('noon'), holder: GUARDIAN };
    assert.equal(await guard.look(1_000_000), 'scaled back');
    assert.equal(scaled, 1);
  });

  it('tries again where the API server did not answer', async () => {
    await guard.look(0);
    await guard.look(DURATION_MS);
    failing = true;
    await assert.rejects(guard.look(DURATION_MS), /503/);
    failing = false;
    assert.equal(await guard.look(DURATION_MS), 'scaled back');
    assert.equal(scaled, 1);
  });

  it('has nothing to do once the lease is gone', async () => {
    lease = undefined;
    assert.equal(await guard.look(0), 'gone');
    assert.equal(scaled, 0);
  });
});
