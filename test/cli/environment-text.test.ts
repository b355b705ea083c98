import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { environmentText } from '../../src/environment-text.ts';
import { TpError } from '../../src/errors.ts';

const VALUES = {
  PLAIN: 'value',
  EMPTY: '',
  LINES: 'one\ntwo\n\n\tthree "quoted"\n',
  QUOTED: `it's "quoted", costs $5 or \${PRICE}, \\n is no newline # and no comment`,
  SPACES: '  around  ',
};

describe("the pod's variables as text", () => {
  it('are an object of JSON', () => {
    assert.deepEqual(JSON.parse(environmentText(VALUES, 'json')), VALUES);
  });

  it('are read by dotenv as they are', () => {
    const { QUOTED, ...others } = VALUES;
    assert.deepEqual({ ...parseEnv(environmentText(others, 'dotenv')) }, others);
    assert.deepEqual({ ...parseEnv(environmentText({ QUOTED }, 'dotenv')) }, { QUOTED });
  });

  it('are taken by a shell as they are, whatever they are', () => {
    const names = ['A', 'B', 'C'];
    const values = fc.array(fc.string({ unit: 'grapheme-ascii' }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(values, (given) => {
        const environment = Object.fromEntries(names.map((name, at) => [name, given[at] ?? '']));
        const script = `${environmentText(environment, 'shell')}printf '%s\\0' "$A" "$B" "$C"`;
        const out = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
        assert.deepEqual(out.split('\0').slice(0, 3), given);
      }),
      { numRuns: 60 },
    );
    const script = `${environmentText(VALUES, 'shell')}printf %s "$QUOTED"`;
    assert.equal(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), VALUES.QUOTED);
  });

  it('are lines for Docker', () => {
    const { LINES: _, ...single } = VALUES;
    assert.equal(environmentText({ A: 'b=c "d"', EMPTY: '' }, 'docker'), 'A=b=c "d"\nEMPTY=\n');
    assert.equal(environmentText(single, 'docker').split('\n').length, 5);
  });

  for (const [format, environment, says] of [
    ['docker', VALUES, /^LINES: /],
    ['dotenv', { ALL: `'"\`` }, /^ALL: /],
    ['shell', { 'a.b': 'c', 'A-B': 'd', E: 'f' }, /^a\.b, A-B: /],
  ] as const) {
    it(`that ${format} cannot hold are named, and nothing is written`, () => {
      assert.throws(
        () => environmentText(environment, format),
        (error) => {
          assert.ok(error instanceof TpError);
          assert.equal(error.code, 'TP_ENV_FORMAT');
          assert.match(error.message, says);
          assert.match(error.hint ?? '', /^--format (json|dotenv)$/);
          return true;
        },
      );
    });
  }
});
