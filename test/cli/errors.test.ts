import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OWN_FAILURE } from '../../src/error-codes.ts';
import { describeError, Interrupted, TpError } from '../../src/errors.ts';

describe('what is printed for an error', () => {
  it('is one line with its code where it is expected', () => {
    assert.equal(
      describeError(new TpError('TP_NO_DOCKER', 'Docker does not answer')),
      'tp: Docker does not answer [TP_NO_DOCKER]',
    );
  });

  it('is one line, whatever was said', () => {
    const error = new TpError('TP_KUBECONFIG', 'cannot be read:\n\n 1 | {\n----^\n');
    assert.equal(describeError(error), 'tp: cannot be read: 1 | { ----^ [TP_KUBECONFIG]');
  });

  it('has the hint below it, each line ready to be seen and pasted', () => {
    const error = new TpError('TP_USAGE', 'it failed', { hint: 'first\nsecond' });
    assert.equal(describeError(error), 'tp: it failed [TP_USAGE]\n  first\n  second');
  });

  it('is the stack where it is a bug', () => {
    const text = describeError(new RangeError('beyond'));
    assert.match(text, /^tp: this is a bug in tp: RangeError: beyond\n +at /);
    assert.equal(describeError('only a word'), 'tp: this is a bug in tp: only a word');
    assert.match(describeError(undefined), /bug in tp: undefined/);
  });

  it('tells first what failed, then what failed while cleaning up', async () => {
    const error = await fail(
      new TpError('TP_HELD', 'first'),
      new TpError('TP_DOCKER', 'second', { hint: 'do' }),
    );
    assert.equal(describeError(error), 'tp: first [TP_HELD]\ntp: second [TP_DOCKER]\n  do');
  });

  it('tells all of several failures of cleaning up, in their order', async () => {
    const error = await fail(
      new TpError('TP_HELD', 'one'),
      new TpError('TP_DOCKER', 'two'),
      new Error('three'),
    );
    assert.match(
      describeError(error),
      /^tp: one \[TP_HELD\]\ntp: two \[TP_DOCKER\]\ntp: this is a bug in tp: Error: three\n/,
    );
  });

  it('tells once what failed several times, as all that needs Docker does when it has gone', async () => {
    const gone = () => new TpError('TP_NO_DOCKER', 'gone', { hint: 'tp leave' });
    const error = await fail(new TpError('TP_HELD', 'one'), gone(), gone());
    assert.equal(describeError(error), 'tp: one [TP_HELD]\ntp: gone [TP_NO_DOCKER]\n  tp leave');
  });

  it('leaves an interruption out: it was asked for', async () => {
    const error = await fail(new Interrupted('SIGINT'), new TpError('TP_DOCKER', 'two'));
    assert.equal(describeError(error), 'tp: two [TP_DOCKER]');
  });
});

describe('an error', () => {
  it('has a code, an exit code and a cause', () => {
    const cause = new Error('below');
    const error = new TpError('TP_NOT_A_TERMINAL', 'x', { cause });
    assert.deepEqual(
      [error.code, error.exitCode, error.cause, error.hint],
      ['TP_NOT_A_TERMINAL', 1, cause, undefined],
    );
    assert.equal(new TpError('TP_USAGE', 'x').exitCode, OWN_FAILURE);
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
