import { describeFigure, type Figure, type Row } from './figures.ts';
import { svg, text } from './svg.ts';
import { titlesOf } from './table.ts';
import { ALL_WAYS, WAYS, type Way } from './ways.ts';

/** Horizontal bars as SVG: the median, with a line from minimum to maximum. Lengths in pixels. */

const COLOURS: Record<Way, string> = {
  pod: '#8b949e',
  raw: '#57606a',
  kubectl: '#d29922',
  peer: '#8250df',
  out: '#1f6feb',
  in: '#2da44e',
};
const LEFT = 170;
const PLOT = 400;
const BAR = 16;
const GAP = 14;
const HEAD = 42;
/** The axis ends a little beyond the longest median: a rare maximum is cut, its label has the number. */
const AXIS_MARGIN = 1.1;

/** One chart of rows that have one unit. `peer` is what the peer calls itself. */
export function barChart(heading: string, rows: readonly Row[], peer: string = WAYS.peer): string {
  const axis = AXIS_MARGIN * Math.max(...rows.flatMap(({ figures }) => medians(figures)));
  const toX = (value: number) => LEFT + Math.min(1, value / axis) * PLOT;
  const parts: string[] = [];
  let y = HEAD;
  const titles = titlesOf(rows);
  for (const [index, row] of rows.entries()) {
    parts.push(text(10, y + 12, titles[index] ?? '', 'font-weight="600"'));
    y += BAR + 4;
    for (const way of ALL_WAYS) {
      const figure = row.figures[way];
      if (!figure) continue;
      const name = way === 'peer' ? peer : WAYS[way];
      parts.push(text(LEFT - 8, y + 12, name, 'text-anchor="end"'), ...bar(COLOURS[way], figure, y, toX));
      y += BAR + 4;
    }
    y += GAP;
  }
  const unit = rows[0]?.unit ?? '';
  return svg(y, `${heading}, ${unit}: median (minimum–maximum)`, parts);
}

function bar(colour: string, figure: Figure, y: number, toX: (value: number) => number): string[] {
  const middle = y + BAR / 2;
  return [
    `<rect x="${LEFT}" y="${y}" width="${(toX(figure.median) - LEFT).toFixed(1)}" height="${BAR}" fill="${colour}"/>`,
    `<line x1="${toX(figure.min).toFixed(1)}" x2="${toX(figure.max).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#1f2328"/>`,
    text(LEFT + PLOT + 10, y + 12, describeFigure(figure)),
  ];
}

const medians = (figures: Row['figures']): number[] => Object.values(figures).map(({ median }) => median);
