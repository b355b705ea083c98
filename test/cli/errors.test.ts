import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeError, Interrupted, OWN_FAILURE, TpError } from '../../src/errors.ts';

describe('what is printed for an error', () => {
  it('is one line with its code where it is expected', () => {
    assert.equal(
      describeError(new TpError('TP_NO_DOCKER', 'Docker does not answer')),
      'tp: Docker does not answer [TP_NO_DOCKER]',
    );
  });

  it('has the hint below it, each line ready to be seen and pasted', () => {
    const error = new TpError('TP_X', 'it failed', { hint: 'first\nsecond' });
    assert.equal(describeError(error), 'tp: it failed [TP_X]\n  first\n  second');
  });

  it('is the stack where it is a bug', () => {
    const text = describeError(new RangeError('beyond'));
    assert.match(text, /^tp: this is a bug in tp: RangeError: beyond\n +at /);
    assert.equal(describeError('only a word'), 'tp: this is a bug in tp: only a word');
    assert.match(describeError(undefined), /bug in tp: undefined/);
  });

  it('tells first what failed, then what failed while cleaning up', async () => {
    const error = await fail(
      new TpError('TP_FIRST', 'first'),
      new TpError('TP_SECOND', 'second', { hint: 'do' }),
    );
    assert.equal(describeError(error), 'tp: first [TP_FIRST]\ntp: second [TP_SECOND]\n  do');
  });

  it('tells all of several failures of cleaning up, in their order', async () => {
    const error = await fail(new TpError('TP_1', 'one'), new TpError('TP_2', 'two'), new Error('three'));
    assert.match(
      describeError(error),
      /^tp: one \[TP_1\]\ntp: two \[TP_2\]\ntp: this is a bug in tp: Error: three\n/,
    );
  });

  it('leaves an interruption out: it was asked for', async () => {
    const error = await fail(new Interrupted('SIGINT'), new TpError('TP_2', 'two'));
    assert.equal(describeError(error), 'tp: two [TP_2]');
  });
});

describe('an error', () => {
  it('has a code, an exit code and a cause', () => {
    const cause = new Error('below');
    const error = new TpError('TP_X', 'x', { exitCode: 7, cause });
    assert.deepEqual([error.code, error.exitCode, error.cause, error.hint], ['TP_X', 7, cause, undefined]);
    assert.equal(new TpError('TP_X', 'x').exitCode, OWN_FAILURE);
  });
});

/** What a session throws that ends with `first`, and whose clean-up then fails with the others, one after the other. */
async function fail(first: Error, ...cleaning: Error[]): Promise<unknown> {
  try {
    await using cleanup = new AsyncDisposableStack();
    for (const error of cleaning.toReversed()) {
      cleanup.defer(() => {
        throw error;
      });
    }
    throw first;
  } catch (error) {
    return error;
  }
}
