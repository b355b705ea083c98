/** A Service leads elsewhere when every node's kube-proxy has heard of it, which takes about a second (ms). */
const SWITCH_LIMIT_MS = 5_000;

/** Asks until the answer is as wanted; gives it. Throws with the last answer when the time is over. */
export async function eventually<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  limitMs = SWITCH_LIMIT_MS,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (performance.now() > end) throw new Error(`not as wanted in ${limitMs} ms: ${JSON.stringify(answer)}`);
  }
}
