import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkUpFlags } from '../../src/compose/up-flags.ts';
import { TpError } from '../../src/errors.ts';

const refusal = (...flags: string[]): TpError | undefined => {
  try {
    checkUpFlags(flags, ['web']);
    return undefined;
  } catch (error) {
    if (error instanceof TpError) return error;
    throw error;
  }
};

describe('flags of docker compose up', () => {
  for (const flag of ['-d', '--detach', '--detach=true', '--wait', '-Vd']) {
    it(`${flag}: Compose would return at once`, () => {
      const error = refusal('--build', flag);
      assert.equal(error?.code, 'TP_DETACHED');
      assert.match(error?.hint ?? '', /background/);
    });
  }

  for (const flags of [['--scale', 'web=2'], ['--scale=web=3']]) {
    it(`${flags.join(' ')}: one container stands in for a workload`, () => {
      const error = refusal(...flags);
      assert.equal(error?.code, 'TP_COMPOSE_SERVICE');
      assert.match(error?.hint ?? '', /leave --scale web=\d out/);
    });
  }

  const FINE = [
    ['--build', '--no-color', '-V', '-t', '3', '--menu=false', '--detach=false', '--wait-timeout', '5'],
    ['--scale', 'cache=3', '--scale', 'web=1', '--scale=web=0'],
    ['--scale'],
  ];
  for (const flags of FINE)
    it(`${flags.join(' ')}: Compose's own`, () => assert.equal(refusal(...flags), undefined));
});
