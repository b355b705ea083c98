import { ALL_WAYS, describeFigure, type Row, WAYS } from './figures.ts';

/** The same table twice: for a terminal, and as Markdown. */

const cells = (rows: readonly Row[]): string[][] => [
  ['', ...ALL_WAYS.map((way) => WAYS[way])],
  ...rows.map(({ title, unit, figures }) => [
    unit === '×' ? title : `${title}, ${unit}`,
    ...ALL_WAYS.map((way) => describeFigure(figures[way])),
  ]),
];

export function textTable(rows: readonly Row[]): string {
  const table = cells(rows);
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((line) => line[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return table.map((line) => line.map(pad).join('   ').trimEnd()).join('\n');
}

export function markdownTable(rows: readonly Row[]): string {
  const [head = [], ...body] = cells(rows).map((line) => `| ${line.join(' | ')} |`);
  return [head, `|---|${ALL_WAYS.map(() => '---:|').join('')}`, ...body].join('\n');
}
