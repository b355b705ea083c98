import { ALL_WAYS, type Link, WAYS, type Way } from './ways.ts';

/** What was measured: for each row, link and way, one value for each round. */

export type Unit = 'MiB/s' | 'ms' | 's' | '×' | '1/s' | 'CPU s' | 'MiB' | 'KiB';

export interface Figure {
  values: number[];
  min: number;
  median: number;
  max: number;
}

/** What a row is: declared once, in the modules that measure it. */
export interface RowKind {
  /** Short and stable: `--only` and the aims name it. */
  id: string;
  title: string;
  unit: Unit;
}

export interface Row extends RowKind {
  link: Link;
  figures: Partial<Record<Way, Figure>>;
}

/** The sum of what was sent and of what arrived. */
export interface Check {
  row: string;
  link: Link;
  way: Way;
  bytes: number;
  sent: string;
  received: string;
}

/** CPU time is counted in hundredths of a second, and memory may not grow: only these may be nothing. */
const MAY_BE_NOTHING: ReadonlySet<Unit> = new Set(['CPU s', 'KiB']);

/** How a row on a link is called on the command line and in errors. */
export const rowKey = (id: string, link: Link): string => `${id}@${link}`;

export class Figures {
  readonly #rows = new Map<string, Row>();
  readonly checks: Check[] = [];

  /** Throws for what cannot be: a figure that is not above zero measured nothing. */
  add({ id, title, unit }: RowKind, link: Link, way: Way, value: number): void {
    const possible = MAY_BE_NOTHING.has(unit) ? value >= 0 : value > 0;
    const key = rowKey(id, link);
    if (!Number.isFinite(value) || !possible) throw new Error(`${key}, ${WAYS[way]}: ${value} ${unit}`);
    const row = this.#rows.get(key) ?? { id, title, unit, link, figures: {} };
    this.#rows.set(key, row);
    row.figures[way] = summary([...(row.figures[way]?.values ?? []), value]);
  }

  /** Throws where something else arrived than was sent. */
  check(check: Check): void {
    const { row, link, way, sent, received, bytes } = check;
    if (sent !== received || bytes <= 0)
      throw new Error(`${rowKey(row, link)}, ${WAYS[way]}: ${received} of ${bytes} bytes instead of ${sent}`);
    this.checks.push(check);
  }

  get(id: string, link: Link): Row | undefined {
    return this.#rows.get(rowKey(id, link));
  }

  get rows(): Row[] {
    return [...this.#rows.values()];
  }

  /** The newest value of each way, in one line. */
  lastLine(id: string, link: Link): string {
    const row = this.get(id, link);
    const known = ALL_WAYS.flatMap((way) => {
      const value = row?.figures[way]?.values.at(-1);
      return value === undefined ? [] : [`${way} ${digits(value)}`];
    });
    return `${row?.title}, ${row?.unit}: ${known.join(' · ')}`;
  }
}

export function summary(values: number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    values,
    min: at(0),
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    max: at(sorted.length - 1),
  };
}

/** Three digits that count. */
export function digits(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

/** `median (minimum–maximum)`, or the one value. */
export function describeFigure(figure: Figure | undefined): string {
  if (!figure) return '–';
  if (figure.values.length === 1) return digits(figure.median);
  return `${digits(figure.median)} (${digits(figure.min)}–${digits(figure.max)})`;
}
