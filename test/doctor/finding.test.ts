import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { examine, failure, ok, warning } from '../../src/doctor/finding.ts';
import { asText } from '../../src/doctor/report.ts';
import { settingsText } from '../../src/doctor/settings.ts';
import { TpError } from '../../src/errors.ts';

describe('a check', () => {
  it('gives what it found, one or several, in one line each', async () => {
    assert.deepEqual(await examine('docker', async () => ok('it\n  answers')), [
      { check: 'docker', level: 'ok', message: 'it | answers' },
    ]);
    const several = await examine('quota', async () => [failure('a', 'b'), warning('c', 'd')]);
    assert.deepEqual(
      several.map(({ check, level }) => [check, level]),
      [
        ['quota', 'failure'],
        ['quota', 'warning'],
      ],
    );
  });

  it('finds a failure where it cannot be made, with what to do', async () => {
    const expected = new TpError('TP_NO_DOCKER', 'Docker does not answer', { hint: 'docker info' });
    assert.deepEqual(await examine('docker', () => Promise.reject(expected)), [
      {
        check: 'docker',
        level: 'failure',
        message: 'Docker does not answer [TP_NO_DOCKER]',
        fix: 'docker info',
      },
    ]);
    const [bug] = await examine('docker', () => Promise.reject(new RangeError('oops')));
    assert.match(bug?.message ?? '', /^this is a bug in tp: RangeError: oops/);
    assert.ok(bug?.fix);
  });
});

describe('the report', () => {
  it('has a line for each finding, and what to paste below it', () => {
    const text = asText([
      { check: 'docker', ...ok('it answers') },
      { check: 'pod security', ...failure('it refuses', 'one\ntwo') },
    ]);
    assert.equal(
      text,
      'ok       docker        it answers\nfailure  pod security  it refuses\n  one\n  two\n',
    );
  });
});

describe('tp.yaml in an archive', () => {
  it("has of Docker's flags the names", () => {
    const text = settingsText({
      workload: 'deployment/shop',
      'docker-flags': [
        '-e',
        'KEY=hunter2',
        '--env=KEY=hunter2',
        '-eKEY=hunter2',
        '--health-cmd',
        'curl -u me:hunter2',
      ],
    });
    assert.match(text, /workload: deployment\/shop/);
    assert.doesNotMatch(text, /hunter2/);
    assert.match(text, /- -e\n.*- "\[removed\]"\n.*- --env\n.*- -e\n.*- --health-cmd/);
    assert.equal(settingsText({ namespace: 'shop' }), 'namespace: shop\n');
  });
});
