import { orAborted } from '../together.ts';

/**
 * No pod gets its network and a process that listens within this time (ms), and each try in vain is work for the API server and
 * the node, which have enough to do.
 */
const FIRST_TRY_MS = 400;

/** How long the proxy may take to listen after its container has started, in tries and ms between them. */
const TRIES = 50;
const PAUSE_MS = 100;

/** So often it is tried before the pod is said to run. A pod that takes longer waits for more than its start: then we do, too. */
const EARLY_TRIES = 20;

/**
 * Tries to `connect` to a pod that starts, before it is said to run: that may come a second late. Rejects with what kept it from
 * running, else with the last failure; when `signal` aborts, with its reason.
 */
export async function untilConnected(
  connect: () => Promise<void>,
  runs: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  await orAborted(Promise.race([sleep(FIRST_TRY_MS), runs]), signal);
  let left = Number.POSITIVE_INFINITY;
  runs.then(
    () => {
      left = TRIES;
    },
    () => {
      left = 0;
    },
  );
  for (let tries = 1; ; tries++) {
    try {
      return await orAborted(connect(), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (left === 0 || tries === EARLY_TRIES) await runs;
      if (left-- <= 0) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
