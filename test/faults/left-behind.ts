import { eventually } from '../e2e/harness/eventually.ts';
import { snapshot } from '../e2e/harness/snapshot.ts';

/** What is not as it was before, by name. */
export async function differences(before: Record<string, unknown>, changed = /^$/): Promise<string> {
  let found = '';
  try {
    await eventually(snapshot, (now) => {
      found = compare(before, now)
        .filter((path) => !changed.test(path))
        .join(', ');
      return found === '';
    });
  } catch {
    return found;
  }
  return '';
}

function compare(a: unknown, b: unknown, path = ''): string[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return [path];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) =>
    compare(
      (a as Record<string, unknown>)[key],
      (b as Record<string, unknown>)[key],
      path ? `${path} / ${key}` : key,
    ),
  );
}
