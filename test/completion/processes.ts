import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** How often to look (ms). */
const POLL_MS = 10;

/** Waits until a process has ended, be it that nobody has fetched its exit code yet. */
export async function ended(pid: number): Promise<void> {
  while (!['Z', 'X', undefined].includes(stateOf(pid))) await setTimeout(POLL_MS);
}

/** The letter of proc(5) for what a process does; undefined where there is none of that id. */
function stateOf(pid: number): string | undefined {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
