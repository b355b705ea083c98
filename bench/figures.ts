/** What was measured: for each row and way, one value for each round. */

/** The ways of reaching a server, which are the columns. */
export const WAYS = {
  pod: 'a pod in the cluster',
  kubectl: 'kubectl port-forward',
  out: 'tp: laptop → pod',
  in: 'tp: pod → laptop',
} as const;
export type Way = keyof typeof WAYS;
export const ALL_WAYS = Object.keys(WAYS) as Way[];

export type Unit = 'MiB/s' | 'ms' | 's' | '×';

export interface Figure {
  values: number[];
  min: number;
  median: number;
  max: number;
}

export interface Row {
  title: string;
  unit: Unit;
  figures: Partial<Record<Way, Figure>>;
}

export class Figures {
  readonly #rows = new Map<string, Row>();

  /** Throws for what cannot be: a figure that is not above zero measured nothing. */
  add(title: string, unit: Unit, way: Way, value: number): void {
    if (!Number.isFinite(value) || value <= 0) throw new Error(`${title}, ${WAYS[way]}: ${value} ${unit}`);
    const row = this.#rows.get(title) ?? { title, unit, figures: {} };
    this.#rows.set(title, row);
    row.figures[way] = summary([...(row.figures[way]?.values ?? []), value]);
  }

  last(title: string, way: Way): number {
    return this.#rows.get(title)?.figures[way]?.values.at(-1) ?? Number.NaN;
  }

  get rows(): Row[] {
    return [...this.#rows.values()];
  }
}

function summary(values: number[]): Figure {
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
