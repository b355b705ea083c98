/** The bench measures what it says, and nothing of it is nonsense. How fast it was is not looked at. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import type { Judged } from '../../bench/aims.ts';
import type { Check, Row } from '../../bench/figures.ts';
import { STEPS } from '../../bench/steps.ts';
import type { Phase } from '../../bench/timeline.ts';
import type { Link, Way } from '../../bench/ways.ts';
import { embedded, withInput } from './harness/cluster.ts';

const ROOT = `${import.meta.dirname}/../..`;
/** Of --quick. */
const LINKS: readonly Link[] = embedded ? [0, 20] : [0];

interface Results {
  rows: Row[];
  checks: Check[];
  starts: Phase[][];
  aims: Judged[];
}

let output: string;
let results: Results;

/** Each way on each link that a step is measured on. */
const placesOf = ({ links, ways }: (typeof STEPS)[number]): [Link, Way][] =>
  links
    .filter((link) => LINKS.includes(link))
    .flatMap((link) => ways.map((way) => [link, way] as [Link, Way]));

describe('npm run bench -- --quick', { skip: !embedded && 'its peer is the embedded node' }, () => {
  before(async () => {
    // A peer that is there wherever the embedded cluster is.
    const args = ['bench/bench.ts', '--quick', '--prepared', '--peer', 'bench/peers/node.json'];
    output = await withInput(process.execPath, args, '');
    results = JSON.parse(readFileSync(`${ROOT}/bench/results/quick/latest.json`, 'utf8')) as Results;
  });

  for (const step of STEPS) {
    test(`measures ${step.what} on every way`, () => {
      for (const { id } of Object.values(step.rows)) {
        for (const [link, way] of placesOf(step)) {
          const row = results.rows.find((each) => each.id === id && each.link === link);
          const figure = row?.figures[way];
          assert.ok(figure, `${id}@${link}, ${way}`);
          assert.equal(figure.values.length, 1);
          assert.ok(figure.median > 0 && Number.isFinite(figure.median), `${id}@${link}, ${way}`);
        }
      }
    });
  }

  test('compares the sums of everything that it sends in bulk', () => {
    const bulk = STEPS.filter(({ id }) => id.startsWith('bulk.'));
    const expected = bulk.flatMap((step) => placesOf(step).map(([link, way]) => `${step.id} ${link} ${way}`));
    const found = results.checks.map(({ row, link, way }) => `${row} ${link} ${way}`);
    assert.deepEqual(found.toSorted(), expected.toSorted());
    for (const { sent, received, bytes } of results.checks) {
      assert.ok(sent.length > 0 && bytes > 0);
      assert.equal(received, sent);
    }
  });

  test('tells where the time of a start goes', () => {
    const [phases = []] = results.starts;
    for (const name of ['Node starts', 'looking at image and cluster', 'proxy pod', 'link'])
      assert.ok(
        phases.some((phase) => phase.name === name && phase.end >= phase.begin),
        name,
      );
  });

  test('counts CPU time and memory of each part', () => {
    const titles = results.rows.map(({ id }) => id);
    for (const part of ['CLI', 'agent', 'proxy', 'dockerd', 'API-server'])
      assert.ok(titles.includes(`cost.bulk.to.1.${part}`), part);
    for (const part of ['CLI', 'agent', 'proxy']) {
      const row = results.rows.find(({ id }) => id === `memory.rest.${part}`);
      assert.ok((row?.figures.in?.median ?? 0) > 1, part);
    }
  });

  test('says of each aim whether it is met', () => {
    assert.ok(results.aims.length > 30);
    for (const { aim, met } of results.aims) {
      assert.equal(typeof met, 'boolean');
      assert.ok(output.includes(aim.what), aim.what);
    }
  });
});
