import leven from 'leven';
import { TpError } from './errors.ts';

/** Edits by which a flag may differ to be taken for a slip. */
const SLIP = 2;

/** Docker's refusal of a command line, with the flag of tp that a word of it was perhaps meant to be. */
export function withNearestFlag(error: TpError, words: readonly string[], own: Iterable<string>): TpError {
  const names = [...own].filter((name) => name.startsWith('--'));
  const hints = words
    .filter((word) => word.startsWith('--'))
    .flatMap((word) => {
      const [wrong = ''] = word.split('=', 1);
      const near = names.find((name) => leven(name, wrong) <= SLIP);
      return near ? [`${wrong}: did you mean ${near}?`] : [];
    });
  if (hints.length === 0) return error;
  return new TpError(error.code, error.message, { hint: hints.join('\n'), cause: error });
}
