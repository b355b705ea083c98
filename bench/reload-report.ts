import { mkdirSync, writeFileSync } from 'node:fs';
import { type Machine, machineLine } from './machine.ts';
import { svg, text } from './svg.ts';

/** One change: times in ms. */
export interface Reload {
  /** From saving the file until the process of the new code began. */
  untilStart: number;
  /** Until it listened: the program's own start. */
  programs: number;
  /** Until somebody in the cluster had its answer. */
  untilAnswer: number;
}

export interface Series {
  title: string;
  reloads: Reload[];
  /** Requests that were sent meanwhile. */
  sent: number;
}

const COLOURS = { untilStart: '#1f6feb', programs: '#8b949e', untilAnswer: '#2da44e' } as const;
const PHASES = {
  untilStart: 'saved → process begins',
  programs: 'the program’s own start',
  untilAnswer: 'listens → answered',
} as const satisfies Record<keyof Reload, string>;
const ALL = Object.keys(PHASES) as (keyof Reload)[];

const total = (reload: Reload) => ALL.reduce((sum, phase) => sum + reload[phase], 0);

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
const median = (values: readonly number[]) => percentile(values, 0.5);
const whole = (ms: number) => ms.toFixed(0);

/** Writes reload.json, reload.md and reload.svg into a directory. Gives the table. */
export function writeReloads(directory: string, series: readonly Series[], machine: Machine): string {
  mkdirSync(directory, { recursive: true });
  const table = `${markdown(series)}\n\n${caption(series, machine)}\n`;
  writeFileSync(`${directory}/reload.json`, `${JSON.stringify({ machine, series }, null, 2)}\n`);
  writeFileSync(`${directory}/reload.md`, table);
  writeFileSync(`${directory}/reload.svg`, chart(series));
  return table;
}

function markdown(series: readonly Series[]): string {
  const rollout = median(series.at(-1)?.reloads.map(total) ?? []);
  const rows = series.map(({ title, reloads, sent }) => {
    const totals = reloads.map(total);
    const phases = ALL.map((phase) => whole(median(reloads.map((reload) => reload[phase]))));
    const own = median(reloads.map(({ untilStart, untilAnswer }) => untilStart + untilAnswer));
    const times = (rollout / median(totals)).toFixed(1);
    const range = `${whole(median(totals))} (${whole(Math.min(...totals))}–${whole(Math.max(...totals))})`;
    const failed = sent > 0 ? `0 of ${sent}` : '–';
    return [title, ...phases, whole(own), range, times, failed];
  });
  const head = [
    '',
    ...Object.values(PHASES),
    'without the program’s own',
    'saved → answered',
    '× faster',
    'failed requests',
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|---|${'---:|'.repeat(head.length - 1)}`, ...rows.map(line)].join('\n');
}

function caption(series: readonly Series[], machine: Machine): string {
  const counts = series.map(({ reloads }) => reloads.length);
  const of = `${Math.max(...counts)} each, ${counts.at(-1)} roll-outs`;
  return `Milliseconds, medians (minimum–maximum) of ${of}, under 50 requests/s from inside the cluster. ${machineLine(machine)}.`;
}

const LEFT = 230;
const PLOT = 440;
const ROW = 26;
const HEAD = 62;

/** Stacked bars as SVG: the medians of the phases. Lengths in pixels. */
function chart(series: readonly Series[]): string {
  const bars = series.map(({ title, reloads }) => ({
    title,
    parts: ALL.map((phase) => ({ phase, ms: median(reloads.map((reload) => reload[phase])) })),
    ms: median(reloads.map(total)),
  }));
  const axis = Math.max(...bars.map(({ parts }) => parts.reduce((sum, { ms }) => sum + ms, 0)));
  const lines: string[] = [];
  ALL.forEach((phase, index) => {
    const x = 10 + index * 200;
    lines.push(
      `<rect x="${x}" y="36" width="12" height="12" fill="${COLOURS[phase]}"/>`,
      text(x + 18, 46, PHASES[phase]),
    );
  });
  bars.forEach(({ title, parts, ms }, row) => {
    const y = HEAD + row * ROW;
    let x = LEFT;
    lines.push(text(LEFT - 8, y + 13, title, 'text-anchor="end"'));
    for (const part of parts) {
      const width = (part.ms / axis) * PLOT;
      lines.push(
        `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="16" fill="${COLOURS[part.phase]}"/>`,
      );
      x += width;
    }
    lines.push(text(Math.round(x) + 6, y + 13, `${whole(ms)} ms`));
  });
  const height = HEAD + bars.length * ROW + 10;
  return svg(height, 'From saving a file to the answer of the new code, medians', lines);
}
