import { type Judged, target } from './aims.ts';
import { describeFigure, type Row } from './figures.ts';
import { ALL_WAYS, linkName, WAYS, type Way } from './ways.ts';

/** Tables: for a terminal, and as Markdown. */

/** The ways that at least one of the rows was measured on. */
export const waysOf = (rows: readonly Row[]): Way[] =>
  ALL_WAYS.filter((way) => rows.some(({ figures }) => figures[way]));

/** What each row is called: with its link where there are several. */
export function titlesOf(rows: readonly Row[]): string[] {
  const several = new Set(rows.map(({ link }) => link)).size > 1;
  return rows.map(({ title, link }) => (several && link !== 0 ? `${title}, ${linkName(link)}` : title));
}

/** Head and lines; `peer` is what the peer calls itself. */
export function cells(rows: readonly Row[], peer: string = WAYS.peer): string[][] {
  const ways = waysOf(rows);
  const titles = titlesOf(rows);
  return [
    ['', ...ways.map((way) => (way === 'peer' ? peer : WAYS[way]))],
    ...rows.map(({ unit, figures }, index) => [
      unit === '1/s' ? `${titles[index]}` : `${titles[index]}, ${unit}`,
      ...ways.map((way) => describeFigure(figures[way])),
    ]),
  ];
}

/** Each aim that this run measured. */
export const aimCells = (judged: readonly Judged[]): string[][] => [
  ['', 'aim', 'measured', 'met'],
  ...judged
    .filter(({ figure }) => figure)
    .map(({ aim, figure, met }) => [
      `${aim.group}: ${aim.what}`,
      target(aim),
      describeFigure(figure),
      met ? 'yes' : 'no',
    ]),
];

export function textTable(table: readonly string[][]): string {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((line) => line[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return table.map((line) => line.map(pad).join('   ').trimEnd()).join('\n');
}

export function markdownTable(table: readonly string[][]): string {
  const [head = '', ...body] = table.map((line) => `| ${line.join(' | ')} |`);
  return [head, `|---|${'---:|'.repeat((table[0]?.length ?? 1) - 1)}`, ...body].join('\n');
}
