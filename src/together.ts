/**
 * Runs work side by side. When one part fails the others are told by the signal, and waited for: what they have
 * begun is then known, and can be cleaned up. Throws the first failure.
 */
export async function together<T extends readonly unknown[]>(
  signal: AbortSignal,
  ...parts: { [K in keyof T]: (signal: AbortSignal) => Promise<T[K]> }
): Promise<T> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let failure: { cause: unknown } | undefined;
  const results = await Promise.all(
    parts.map(async (part) => {
      try {
        return await part(either);
      } catch (cause) {
        failure ??= { cause };
        failed.abort(cause);
        return undefined;
      }
    }),
  );
  if (failure) throw failure.cause;
  return results as unknown as T;
}

/** What `promise` gives, unless `signal` aborts first: then its reason is thrown. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const aborted = () => reject(signal.reason as Error);
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
    // Always, so that a failure after the end is nobody's unhandled one.
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
