import { ALL_WAYS, describeFigure, type Figure, type Row, WAYS, type Way } from './figures.ts';

/** Horizontal bars as SVG: the median, with a line from minimum to maximum. Lengths in pixels. */

const COLOURS: Record<Way, string> = { pod: '#8b949e', kubectl: '#d29922', out: '#1f6feb', in: '#2da44e' };
const WIDTH = 760;
const LEFT = 170;
const PLOT = 400;
const BAR = 16;
const GAP = 14;
const HEAD = 42;
/** The axis ends a little beyond the longest median: a rare maximum is cut, its label has the number. */
const AXIS_MARGIN = 1.1;

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const text = (x: number, y: number, content: string, more = '') =>
  `<text x="${x}" y="${y}" ${more}>${escaped(content)}</text>`;

/** One chart of rows that have one unit. */
export function barChart(heading: string, rows: readonly Row[]): string {
  const axis = AXIS_MARGIN * Math.max(...rows.flatMap(({ figures }) => medians(figures)));
  const toX = (value: number) => LEFT + Math.min(1, value / axis) * PLOT;
  const parts: string[] = [];
  let y = HEAD;
  for (const { title, figures } of rows) {
    parts.push(text(10, y + 12, title, 'font-weight="600"'));
    y += BAR + 4;
    for (const way of ALL_WAYS) {
      const figure = figures[way];
      if (!figure) continue;
      parts.push(...bar(way, figure, y, toX));
      y += BAR + 4;
    }
    y += GAP;
  }
  const unit = rows[0]?.unit ?? '';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2328">`,
    `<rect width="${WIDTH}" height="${y}" rx="6" fill="#ffffff"/>`,
    text(10, 22, `${heading}, ${unit}: median (minimum–maximum)`, 'font-size="14" font-weight="700"'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function bar(way: Way, figure: Figure, y: number, toX: (value: number) => number): string[] {
  const middle = y + BAR / 2;
  return [
    text(LEFT - 8, y + 12, WAYS[way], 'text-anchor="end"'),
    `<rect x="${LEFT}" y="${y}" width="${(toX(figure.median) - LEFT).toFixed(1)}" height="${BAR}" fill="${COLOURS[way]}"/>`,
    `<line x1="${toX(figure.min).toFixed(1)}" x2="${toX(figure.max).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#1f2328"/>`,
    text(LEFT + PLOT + 10, y + 12, describeFigure(figure)),
  ];
}

const medians = (figures: Row['figures']): number[] => Object.values(figures).map(({ median }) => median);
