import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Choice, chooseSession } from '../../src/chosen-session.ts';
import { TpError } from '../../src/errors.ts';
import { ownOwner } from '../../src/labels.ts';

const own = ownOwner();
const here = (session: string): Choice => ({ session, owner: own, workload: 'deployment/shop' });
const elsewhere = (session: string): Choice => ({
  session,
  owner: { ...own, user: 'ann', host: 'anns', machine: 'other' },
  workload: undefined,
});

const chosen = (all: Choice[], named?: string): string | TpError => {
  try {
    return chooseSession(all, named, 'namespace shop', 'tp logs').session;
  } catch (error) {
    if (error instanceof TpError) return error;
    throw error;
  }
};
const refused = (all: Choice[], named?: string): TpError => {
  const error = chosen(all, named);
  assert.ok(error instanceof TpError);
  return error;
};

describe('the session that is meant', () => {
  it('is the named one, whoever has it', () => {
    assert.equal(chosen([here('a'), elsewhere('b')], 'b'), 'b');
    const { code, hint } = refused([here('a')], 'nosuch');
    assert.equal(code, 'TP_NO_SESSION');
    assert.match(hint ?? '', /^tp logs a {4}# deployment\/shop, \S+@\S+$/);
  });

  it("is the only one of this machine before others'", () => {
    assert.equal(chosen([here('a'), elsewhere('b'), elsewhere('c')]), 'a');
    assert.equal(chosen([elsewhere('b')]), 'b');
  });

  it('has to be named where there are several, and all are listed', () => {
    for (const all of [
      [here('a'), here('b')],
      [elsewhere('a'), elsewhere('b')],
    ]) {
      const { code, hint } = refused(all);
      assert.equal(code, 'TP_SEVERAL_SESSIONS');
      assert.deepEqual(hint?.split('\n').length, 2);
    }
    assert.match(
      refused([elsewhere('a'), elsewhere('b')]).hint ?? '',
      /tp logs b {4}# no workload, ann@anns$/,
    );
    assert.equal(refused([]).code, 'TP_NO_SESSION');
  });
});
