import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOptions } from '../../bench/options.ts';
import { parsePeer } from '../../bench/peer.ts';
import { isChosen } from '../../bench/steps.ts';

describe('the command line of the bench', () => {
  it('measures everything three times where nothing is said', () => {
    const { size, links, only, streams } = parseOptions([]);
    assert.deepEqual([size.rounds, links, only, streams], [3, [0, 20, 80], [], [1, 100, 1_000]]);
  });

  it('measures less with --quick', () => {
    const { size, links, quick } = parseOptions(['--quick', '--prepared']);
    assert.deepEqual([size.rounds, links, quick], [1, [0, 20], true]);
  });

  it('takes rounds, and rows after --only', () => {
    const { size, only, streams } = parseOptions(['--rounds', '5', '--only', 'bulk.to', 'get@20']);
    assert.deepEqual([size.rounds, only, streams], [5, ['bulk.to', 'get@20'], []]);
    assert.equal(parseOptions(['--mib', '4']).size.bytes, 4 * 1024 ** 2);
    assert.equal(parseOptions(['--minutes', '2']).limitMs, 120_000);
    assert.deepEqual(parseOptions(['--only', 'memory']).streams, [1, 100, 1_000]);
  });

  for (const args of [
    ['--rounds', '0'],
    ['--rounds', 'x'],
    ['--mib', '0'],
    ['--minutes', '0'],
    ['--only', 'nothing'],
    ['bulk'],
    ['--fast'],
  ]) {
    it(`refuses ${args.join(' ')}`, () => assert.throws(() => parseOptions(args)));
  }

  it('chooses rows by the beginning of their ids, and links by @', () => {
    assert.ok(isChosen('bulk.to.1', 20, []));
    assert.ok(isChosen('bulk.to.1', 20, ['bulk']));
    assert.ok(isChosen('bulk.to.1', 20, ['rate', 'bulk.to.1@20']));
    assert.ok(isChosen('bulk.to.1', 20, ['bulk@20']));
    assert.ok(!isChosen('bulk.to.1', 0, ['bulk@20']));
    assert.ok(!isChosen('bulk.to.1', 0, ['rate']));
  });
});

describe("a peer's file", () => {
  const file = { name: 'other', start: ['other', 'up'], enter: ['docker', 'exec', '-i', 'other'] };

  it('says how it is started and entered', () => {
    assert.deepEqual(parsePeer(JSON.stringify(file)), file);
    const stop = ['other', 'down'];
    assert.deepEqual(parsePeer(JSON.stringify({ ...file, stop })), { ...file, stop });
  });

  for (const missing of ['name', 'start', 'enter'] as const) {
    it(`must have "${missing}"`, () =>
      assert.throws(() => parsePeer(JSON.stringify({ ...file, [missing]: undefined })), new RegExp(missing)));
  }

  it('has lists of words', () =>
    assert.throws(() => parsePeer(JSON.stringify({ ...file, stop: 'other down' })), /"stop"/));
});
