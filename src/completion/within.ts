/**
 * How long an answer may take (ms): a person has pressed Tab and cannot type meanwhile. A cluster far away answers in a
 * few hundred, with the handshake and a login plugin; what takes longer is worth less than the prompt.
 */
export const ANSWER_LIMIT_MS = 1_000;

/** The answer, or undefined where it fails or does not come in time. */
export async function within<T>(answer: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, ANSWER_LIMIT_MS, undefined);
  try {
    return await Promise.race([answer, late.promise]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
