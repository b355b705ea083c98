import { describeError, TpError } from '../errors.ts';

/** What a check found: one line, and what to do where something is to be done. */
export interface Finding {
  check: string;
  /** `skipped`: it could not be looked at, and the message says why. */
  level: 'ok' | 'warning' | 'failure' | 'skipped';
  message: string;
  /** Lines to paste. */
  fix?: string;
}

export type Found = Omit<Finding, 'check'>;

export const ok = (message: string): Found => ({ level: 'ok', message });
export const skipped = (message: string): Found => ({ level: 'skipped', message });
export const warning = (message: string, fix: string): Found => ({ level: 'warning', message, fix });
export const failure = (message: string, fix: string): Found => ({ level: 'failure', message, fix });

/** An expected error as a failure, with its code and its hint. */
export function failureOf(error: unknown): Found {
  if (error instanceof TpError) {
    const { code, message, hint } = error;
    return failure(`${message} [${code}]`, hint ?? `docs/errors.md, ${code}`);
  }
  return failure(describeError(error).replace(/^tp: /, ''), 'tp doctor --bundle, and report it');
}

/** Runs one check; whatever it throws is what it found, so that no check keeps another from being made. */
export async function examine(check: string, work: () => Promise<Found[] | Found>): Promise<Finding[]> {
  const found = await work().catch(failureOf);
  return [found].flat().map((each) => ({ check, ...each, message: oneLine(each.message) }));
}

const oneLine = (text: string) => text.replace(/\s*\n\s*/g, ' | ').trim();
