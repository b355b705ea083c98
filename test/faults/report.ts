import { BACK_AFTER_S, type Expected, IN_FLIGHT, type Outcome, RATE } from './experiment.ts';
import { FAULTS } from './faults.ts';
import { MOMENTS } from './moments.ts';

/** What is kept of an outcome, for the docs. */
export type Row = Omit<Outcome, 'said' | 'load'> & {
  load: Omit<Outcome['load'], 'changes'> & { changes: number };
};

const ALLOWED = { none: 0, 'in flight': IN_FLIGHT, 'until it is back': IN_FLIGHT + BACK_AFTER_S * RATE };

/** All that can happen, in the order of the table. */
export const ALL: readonly Expected[] = [...FAULTS, ...MOMENTS];

/** What came of a fault that should not have, a line each. */
export function complaints(fault: Expected, { load, stream, healthyAfter, left }: Outcome): string[] {
  const allowed = ALLOWED[fault.failed];
  const wrong: string[] = [];
  if (load.failures.length > allowed) {
    wrong.push(
      `${load.failures.length} of ${load.sent} requests failed: ${load.failures.slice(0, 5).join('; ')}`,
    );
  }
  if (fault.stream === 'survives' && !stream?.survived) wrong.push(`the stream ended: ${stream?.why}`);
  if (fault.stream === 'is given up' && stream?.survived) wrong.push('the stream goes on');
  if (fault.session === 'goes on' && healthyAfter === undefined)
    wrong.push('the laptop does not answer again');
  if (left !== '') wrong.push(`left behind: ${left}`);
  return wrong;
}

/** The table, in Markdown. */
export function table(rows: readonly Row[]): string {
  const head =
    '| fault | requests failed | slowest answer | the open stream | laptop answers again after | left behind |';
  const lines = rows.map(({ id, load, stream, healthyAfter, left }) => {
    const fault = ALL.find((each) => each.id === id);
    const healthy =
      fault?.session === 'ends'
        ? 'the session ends'
        : healthyAfter === 0
          ? 'never stopped'
          : `${healthyAfter?.toFixed(1)} s`;
    const cells = [
      fault?.what,
      `${load.failures.length} of ${load.sent}`,
      `${(load.slowestMs / 1000).toFixed(1)} s`,
      stream === undefined ? '–' : stream.survived ? 'survives' : 'ends',
      healthy,
      left || 'nothing',
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [head, '|---|---|---|---|---|---|', ...lines].join('\n');
}
