import type { WatchResult, WatchTask } from '../task.ts';
import { get } from './http.ts';

/** A caller asks this often (ms), and waits this long for each answer (ms). */
const EVERY_MS = 20;
const PATIENCE_MS = 2_000;
/** So many answers in a row are no accident: for a while some calls still go elsewhere, until all nodes have heard. */
const SETTLED = 50;

/**
 * Asks for /env until all answers have the mark. Prints `watching` when the asking begins and `answered` when the
 * first answer with the mark is there.
 */
export async function watch({ base, mark, ms }: WatchTask): Promise<WatchResult> {
  console.log('watching');
  const result: WatchResult = { asked: 0, failures: [], mixedMs: 0 };
  const { promise: settled, resolve, reject } = Promise.withResolvers<void>();
  let firstAt = 0;
  let inARow = 0;
  const onAnswer = (marked: boolean) => {
    if (!marked) {
      inARow = 0;
      if (firstAt) result.mixedMs = performance.now() - firstAt;
      return;
    }
    if (!firstAt) console.log('answered');
    firstAt ||= performance.now();
    if (++inARow === SETTLED) resolve();
  };
  const ask = async () => {
    result.asked++;
    try {
      const { status, body } = await get(`${base}/env`, { agent: false, timeout: PATIENCE_MS });
      if (status === 200) onAnswer(body.includes(mark));
      else result.failures.push(`status ${status}`);
    } catch (error) {
      result.failures.push((error as NodeJS.ErrnoException).code ?? (error as Error).message);
    }
  };
  setTimeout(() => reject(new Error(`${base}: no answer by ${mark} in ${ms} ms`)), ms).unref();
  const ticker = setInterval(() => void ask(), EVERY_MS);
  await settled;
  clearInterval(ticker);
  return result;
}
