import { ask, statusOf } from './client.ts';

/**
 * What a request gives, or undefined where this login may not ask, or the cluster does not have it. Throws TpError where
 * the cluster fails. `what` says what it is for.
 */
export async function ifAllowed<T>(what: string, request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (statusOf(error) === 403 || statusOf(error) === 404) return undefined;
    return await ask(what, Promise.reject(error as Error));
  }
}
