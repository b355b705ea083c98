import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beneath } from '../../src/compose/environment.ts';
import { dockerFormat } from '../../src/held-files.ts';

describe('the pod’s environment in a file', () => {
  const VALUES = { PLAIN: 'a b', QUOTED: `it's "$5"`, LINES: 'one\ntwo\r\n', BACK: 'a\\n', OWN: 'pod' };

  it('for Compose has every value, quoted, and none that the service sets', () => {
    const { text, leftOut } = beneath({ OWN: 'mine', ALSO: null })({ ...VALUES, ALSO: 'x' });
    assert.equal(
      text,
      ['PLAIN="a b"', `QUOTED="it's \\"$$5\\""`, 'LINES="one\\ntwo\\r\\n"', 'BACK="a\\\\n"', ''].join('\n'),
    );
    assert.deepEqual(leftOut, []);
  });

  it('for Docker has a line for each as it is, and says which have several', () => {
    const { text, leftOut } = dockerFormat(VALUES);
    assert.equal(text, `PLAIN=a b\nQUOTED=it's "$5"\nBACK=a\\n\nOWN=pod\n`);
    assert.deepEqual(leftOut, ['LINES']);
  });
});
