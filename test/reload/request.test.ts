import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { TpError } from '../../src/errors.ts';
import type { DockerRunFlags } from '../../src/flags.ts';
import { reloadRequest } from '../../src/reload/request.ts';
import { DEFAULTS } from '../cli/defaults.ts';

describe('what is done when files change', () => {
  let from: string;
  const read = (flags: Partial<DockerRunFlags>) => reloadRequest({ ...DEFAULTS, ...flags }, from);

  before(() => {
    from = mkdtempSync(join(tmpdir(), 'tp-request-'));
    mkdirSync(join(from, 'src'));
    writeFileSync(join(from, 'a:b.js'), '');
  });
  after(() => rmSync(from, { recursive: true }));

  it('is nothing unless it is asked for', () => assert.equal(read({}), undefined));

  it('takes paths from where the command runs', () => {
    assert.deepEqual(
      read({ watch: ['src', '.'], sync: ['./src:/app/src/', 'a:b.js:/app/b.js'], build: '.' }),
      {
        watch: [join(from, 'src'), from],
        sync: [
          { source: join(from, 'src'), target: '/app/src' },
          { source: join(from, 'a:b.js'), target: '/app/b.js' },
        ],
        build: from,
      },
    );
  });

  const REFUSED: [Partial<DockerRunFlags>, RegExp][] = [
    [{ watch: ['nosuch'] }, /--watch nosuch: there is no such file or directory/],
    [{ sync: ['nosuch:/app'] }, /--sync nosuch: there is no such file or directory/],
    [{ sync: ['src'] }, /--sync src: not SRC:DST/],
    [{ sync: ['src:app'] }, /--sync src:app: not SRC:DST, with an absolute DST/],
    [{ build: 'nosuch' }, /--build nosuch: there is no such file or directory/],
    [{ build: 'a:b.js' }, /--build a:b\.js: not a directory/],
  ];
  for (const [flags, says] of REFUSED) {
    it(`refuses ${JSON.stringify(flags)}`, () => {
      assert.throws(
        () => read(flags),
        (error) => error instanceof TpError && error.code === 'TP_RELOAD_PATH' && says.test(error.message),
      );
    });
  }
});
