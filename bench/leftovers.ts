import { isDeepStrictEqual } from 'node:util';

/** What differs between two snapshots: one line each, as the objects themselves would fill pages. */
export function differences(before: unknown, after: unknown, path = ''): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) {
    const only = (these: unknown[], those: unknown[], sign: string) =>
      these
        .filter((each) => !those.some((other) => isDeepStrictEqual(each, other)))
        .map((each) => `${sign} ${path} ${JSON.stringify(each)}`);
    return [...only(before, after, '-'), ...only(after, before, '+')];
  }
  if (isRecord(before) && isRecord(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => differences(before[key], after[key], `${path} ${key}`.trim()));
  }
  if (before === undefined) return [`+ ${path}`];
  if (after === undefined) return [`- ${path}`];
  return [`~ ${path}: ${JSON.stringify(before)} is now ${JSON.stringify(after)}`];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
