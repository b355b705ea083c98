import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TpError } from '../../src/errors.ts';
import { DOCKER_RUN_FLAGS, flagNames } from '../../src/flags.ts';
import { FOREIGN_FLAGS, refuseForeignCommand, refuseForeignFlags } from '../../src/foreign-flags.ts';
import { withNearestFlag } from '../../src/near-flags.ts';

const OWN = flagNames(DOCKER_RUN_FLAGS);
const refused = (act: () => void): TpError => {
  try {
    act();
  } catch (error) {
    if (error instanceof TpError) return error;
  }
  throw new Error('it was not refused');
};

describe('flags of peers', () => {
  it('are told as such, with ours', () => {
    const error = refused(() => refuseForeignFlags(['--swap-deployment', 'web']));
    assert.equal(error.code, 'TP_FOREIGN_FLAG');
    assert.match(error.message, /--swap-deployment is a flag of Telepresence/);
    assert.match(error.hint ?? '', /--workload deployment\/NAME/);
    const joined = refused(() => refuseForeignFlags(['-it', '--target-namespace=shop']));
    assert.match(joined.message, /mirrord/);
    assert.match(joined.hint ?? '', /--namespace NAME/);
  });

  it('are none of ours', () => {
    for (const name of FOREIGN_FLAGS.keys()) assert.ok(!OWN.has(name), name);
  });

  it('name flags of ours that exist', () => {
    for (const { ours } of FOREIGN_FLAGS.values()) {
      const named = /^--[\w-]+/.exec(ours)?.[0];
      if (named !== undefined) assert.ok(OWN.has(named), named);
    }
  });

  it('leave flags of Docker and words of the command alone', () => {
    refuseForeignFlags(['--mount', 'type=tmpfs,target=/x', '--env-file', 'x', '-it']);
  });
});

describe('commands of peers', () => {
  it('are told as such, with ours', () => {
    assert.equal(refused(() => refuseForeignCommand('quit')).hint, 'tp leave');
    assert.match(refused(() => refuseForeignCommand('intercept')).hint ?? '', /^tp docker-run/);
    refuseForeignCommand('leave');
  });
});

describe('a slip in a flag', () => {
  const refusal = new TpError('TP_DOCKER_CREATE', 'Docker refused', { hint: 'docker run --help' });

  it('is told with the flag that it is near to', () => {
    const { code, hint } = withNearestFlag(refusal, ['--namspace=x', '-it'], OWN.keys());
    assert.deepEqual([code, hint], ['TP_DOCKER_CREATE', '--namspace: did you mean --namespace?']);
  });

  it('is not made up', () => {
    assert.equal(withNearestFlag(refusal, ['--frobnicate', 'x'], OWN.keys()), refusal);
  });
});
