import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { orAborted, together } from '../../src/together.ts';

const never = new AbortController().signal;

/** Work that ends when the test says so, and notes when it was told to stop. */
function part<T>() {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let signal: AbortSignal | undefined;
  const work = (given: AbortSignal) => {
    signal = given;
    return promise;
  };
  return { work, resolve, reject, told: () => signal?.aborted, why: () => signal?.reason as unknown };
}

describe('work side by side', () => {
  it('gives the results in their order, whichever is first', async () => {
    const [one, two] = [part<number>(), part<string>()];
    const both = together<[number, string]>(never, one.work, two.work);
    two.resolve('two');
    await turn();
    one.resolve(1);
    assert.deepEqual(await both, [1, 'two']);
  });

  it('begins all at once', async () => {
    const begun: number[] = [];
    await together(
      never,
      async () => void begun.push(1),
      async () => {
        assert.deepEqual(begun, [1]);
        begun.push(2);
      },
    );
    assert.deepEqual(begun, [1, 2]);
  });

  it('tells the others when one fails, and waits for them before it throws', async () => {
    const [one, two] = [part<number>(), part<number>()];
    let settled = false;
    const both = together<[number, number]>(never, one.work, two.work).finally(() => {
      settled = true;
    });
    both.catch(() => {});
    const failure = new Error('one');
    one.reject(failure);
    await turn();
    assert.equal(two.told(), true);
    assert.equal(two.why(), failure);
    assert.equal(settled, false, 'what the other has begun could not be cleaned up');
    two.resolve(2);
    await assert.rejects(both, failure);
  });

  it('throws the first failure, not what followed from it', async () => {
    const first = new Error('first');
    const both = together(
      never,
      async () => {
        throw first;
      },
      async (signal) => {
        await turn();
        signal.throwIfAborted();
        throw new Error('unreachable');
      },
      async () => {
        await turn();
        throw new Error('because of the first');
      },
    );
    await assert.rejects(both, first);
  });

  it('waits for the rest also when a part throws before its first wait', async () => {
    const slow = part<void>();
    const both = together(
      never,
      () => {
        throw new Error('at once');
      },
      slow.work,
    );
    both.catch(() => {});
    await turn();
    assert.equal(slow.told(), true);
    slow.resolve();
    await assert.rejects(both, /at once/);
  });

  it('throws even undefined', async () => {
    const both = together(never, () => Promise.reject(undefined));
    await assert.rejects(both, (error) => error === undefined);
  });

  it('hears when all of it is to stop', async () => {
    const stop = new AbortController();
    const one = part<number>();
    const all = together<[number]>(stop.signal, one.work);
    const reason = new Error('interrupted');
    stop.abort(reason);
    assert.equal(one.told(), true);
    assert.equal(one.why(), reason);
    one.reject(one.why());
    await assert.rejects(all, reason);
  });
});

describe('work that may be interrupted', () => {
  it('gives its result, or its failure', async () => {
    assert.equal(await orAborted(Promise.resolve(1), never), 1);
    await assert.rejects(orAborted(Promise.reject(new Error('no')), never), /no/);
  });

  it('is not waited for once it is', async () => {
    const stop = new AbortController();
    const reason = new Error('interrupted');
    const waiting = orAborted(new Promise(() => {}), stop.signal);
    stop.abort(reason);
    await assert.rejects(waiting, reason);
    await assert.rejects(orAborted(new Promise(() => {}), stop.signal), reason);
  });

  it('may fail after that, and nobody is hurt', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const late = part<number>();
    await assert.rejects(
      orAborted(late.work(never), AbortSignal.abort(new Error('interrupted'))),
      /interrupted/,
    );
    late.reject(new Error('late'));
    await turn();
    await turn();
    process.off('unhandledRejection', note);
    assert.deepEqual(unhandled, []);
  });
});
