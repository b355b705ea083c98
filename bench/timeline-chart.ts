import { svg, text } from './svg.ts';
import type { Phase } from './timeline.ts';

/** A start as SVG: each phase from its begin to its end, one below the other. Lengths in pixels. */

const LEFT = 270;
const PLOT = 380;
const BAR = 16;
const LINE = 22;
const HEAD = 42;
/** Steps of the axis (s). */
const GRID_SECONDS = 0.5;

/** The typical one of several starts: that of the median length, or the shorter of two. */
export function typicalStart(starts: readonly (readonly Phase[])[]): readonly Phase[] {
  const length = (phases: readonly Phase[]) => Math.max(...phases.map(({ end }) => end));
  const sorted = starts.toSorted((a, b) => length(a) - length(b));
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? [];
}

export function timelineChart(heading: string, phases: readonly Phase[]): string {
  const axis = Math.max(...phases.map(({ end }) => end));
  const toX = (seconds: number) => LEFT + (seconds / axis) * PLOT;
  const height = HEAD + phases.length * LINE + 24;
  const parts: string[] = [];
  for (let at = 0; at <= axis; at += GRID_SECONDS) {
    const x = toX(at).toFixed(1);
    parts.push(
      `<line x1="${x}" x2="${x}" y1="${HEAD - 6}" y2="${height - 20}" stroke="#d0d7de"/>`,
      text(Number(x), height - 6, `${at.toFixed(1)} s`, 'text-anchor="middle"'),
    );
  }
  phases.forEach(({ name, begin, end }, index) => {
    const y = HEAD + index * LINE;
    const width = Math.max(1, toX(end) - toX(begin));
    parts.push(
      text(LEFT - 8, y + 12, name, 'text-anchor="end"'),
      `<rect x="${toX(begin).toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="#1f6feb"/>`,
      text(Math.round(toX(begin) + width + 6), y + 12, `${((end - begin) * 1000).toFixed(0)} ms`),
    );
  });
  return svg(height, heading, parts);
}
