import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AIMS, type Aim, judge, target } from '../../bench/aims.ts';
import { describeFigure, Figures, type RowKind } from '../../bench/figures.ts';
import { STEPS } from '../../bench/steps.ts';

const BULK: RowKind = { id: 'bulk', title: 'bulk', unit: 'MiB/s' };
const SMALL: RowKind = { id: 'small', title: 'small', unit: 'ms' };

function figuresOf(...values: readonly (readonly [RowKind, 0 | 20, 'out' | 'kubectl', number])[]): Figures {
  const figures = new Figures();
  for (const [row, link, way, value] of values) figures.add(row, link, way, value);
  return figures;
}

describe('figures', () => {
  it('keep minimum, median and maximum of the rounds', () => {
    const figures = figuresOf(...[4, 1, 2, 3].map((value) => [BULK, 0, 'out', value] as const));
    assert.deepEqual(figures.get('bulk', 0)?.figures.out, {
      values: [4, 1, 2, 3],
      min: 1,
      median: 2.5,
      max: 4,
    });
    assert.equal(describeFigure(figures.get('bulk', 0)?.figures.out), '2.50 (1.00–4.00)');
  });

  it('keep links apart', () => {
    const figures = figuresOf([BULK, 0, 'out', 4], [BULK, 20, 'out', 3]);
    assert.deepEqual(
      figures.rows.map(({ link, figures: { out } }) => [link, out?.median]),
      [
        [0, 4],
        [20, 3],
      ],
    );
  });

  for (const nonsense of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`refuse ${nonsense}`, () =>
      assert.throws(() => figuresOf([BULK, 0, 'out', nonsense]), /bulk@0, tp: laptop → pod: .* MiB\/s/));
  }

  it('take no CPU time at all, as it is counted in hundredths of a second', () => {
    const figures = new Figures();
    figures.add({ id: 'cost', title: 'cost', unit: 'CPU s' }, 0, 'out', 0);
    assert.throws(() => figures.add({ id: 'cost', title: 'cost', unit: 'CPU s' }, 0, 'out', -1));
  });

  it('refuse what did not arrive as it was sent', () => {
    const figures = new Figures();
    const check = { row: 'bulk', link: 0, way: 'out', bytes: 5, sent: 'a', received: 'a' } as const;
    figures.check(check);
    assert.deepEqual(figures.checks, [check]);
    assert.throws(() => figures.check({ ...check, received: 'b' }), /b of 5 bytes instead of a/);
    assert.throws(() => figures.check({ ...check, bytes: 0 }));
  });
});

describe('an aim', () => {
  const of = { row: 'bulk', way: 'out', link: 0 } as const;
  const aim: Aim = { group: 'g', what: 'w', of, to: { ...of, way: 'kubectl' }, atLeast: 0.9 };

  it('compares figures of the same round', () => {
    // The medians alone would say 15 of 15.
    const figures = figuresOf(
      [BULK, 0, 'out', 10],
      [BULK, 0, 'kubectl', 20],
      [BULK, 0, 'out', 20],
      [BULK, 0, 'kubectl', 10],
    );
    const [judged] = judge(figures, [aim]);
    assert.deepEqual(judged?.figure?.values, [0.5, 2]);
    assert.equal(judged?.met, true);
  });

  it('is missed below, and met at its target', () => {
    const met = (value: number) =>
      judge(figuresOf([BULK, 0, 'out', value], [BULK, 0, 'kubectl', 10]), [aim])[0]?.met;
    assert.deepEqual([met(8.9), met(9)], [false, true]);
  });

  it('is neither where a figure is missing', () => {
    const [judged] = judge(figuresOf([BULK, 0, 'out', 1]), [aim]);
    assert.deepEqual([judged?.figure, judged?.met], [undefined, undefined]);
  });

  it('may compare with a constant, or with nothing, and grant a round trip', () => {
    const figures = figuresOf([SMALL, 20, 'out', 24], [BULK, 20, 'out', 4]);
    const small = { row: 'small', way: 'out', link: 20 } as const;
    const ratio = (more: Partial<Aim>) =>
      judge(figures, [{ group: '', what: '', of: small, atMost: 1.2, ...more }])[0]?.figure?.median;
    assert.equal(ratio({ to: { constant: 20 } }), 1.2);
    assert.equal(ratio({}), 24);
    assert.equal(ratio({ less: { row: 'bulk', way: 'out', link: 20 }, to: { constant: 20 } }), 1);
  });

  it('is told in words', () => {
    assert.equal(target(aim), 'at least 0.9');
    assert.equal(target({ group: '', what: '', of, atMost: 2 }), 'at most 2');
  });
});

describe('the aims', () => {
  const session = ['start', 'help', 'planned', 'end'];
  const rows = STEPS.flatMap(({ rows, ways, links }) =>
    Object.values(rows).flatMap(({ id }) =>
      ways.flatMap((way) => links.map((link) => `${id} ${way} ${link}`)),
    ),
  );

  it('name rows, ways and links that are measured', () => {
    for (const { of, to, less, what } of AIMS) {
      const terms = [of, to, less].filter((term) => term !== undefined && 'row' in term);
      for (const { row, way, link } of terms) {
        const known = rows.includes(`${row} ${way} ${link}`) || session.includes(row);
        assert.ok(known, `${what}: ${row} ${way} ${link}`);
      }
    }
  });

  it('have one target each, and words of their own', () => {
    for (const { atLeast, atMost, what } of AIMS)
      assert.ok((atLeast === undefined) !== (atMost === undefined), what);
    const words = AIMS.map(({ group, what }) => `${group}: ${what}`);
    assert.equal(new Set(words).size, words.length);
  });
});
