import { createServer, type Server } from 'node:http';
import { type Fallback, SEARCH_LIMIT_MS } from './fallback.ts';
import type { Listeners } from './listeners.ts';

/** A dial of the original pods counts for this long (ms), so that probing costs little. */
const FRESH_MS = 5_000;
const DIAL_LIMIT_MS = 1_000;

/**
 * Honest readiness: 200 while a connection would be answered, by the laptop or by an original pod, or wait for one that
 * is about to take over from the laptop; else 503.
 * Without any port there is nothing to answer for, and the pod is ready at once. Not listening yet.
 */
export function readinessServer(
  { ports, udp }: { ports: number[]; udp: number[] },
  listeners: Listeners,
  fallback: Fallback | undefined,
): Server {
  let reachedAt = Number.NEGATIVE_INFINITY;
  let servedAt = Number.NEGATIVE_INFINITY;
  let serving = listeners.any;
  // Not at the probes: a process may come and go between two of them.
  listeners.on('change', () => {
    if (serving || listeners.any) servedAt = performance.now();
    serving = listeners.any;
  });
  const none = ports.length + udp.length === 0;
  const serves = async (): Promise<boolean> => {
    if (none || listeners.any) return true;
    if (performance.now() - reachedAt < FRESH_MS) return true;
    if (!fallback) return false;
    // For a while a connection looks for an original pod that comes, as after `--replace`: so nothing is to be asked that may be slow.
    if (performance.now() - servedAt < SEARCH_LIMIT_MS) return true;
    try {
      const signal = AbortSignal.timeout(DIAL_LIMIT_MS);
      // Each that is reached is closed again, also after the first.
      const reach = async (each: number) => void (await fallback.dial(each, '', signal, 0)).destroy();
      // Of UDP nobody hears whether it would be answered: that there are pods has to do.
      const found = udp.length > 0 ? [fallback.candidates('')] : [];
      await Promise.any([...ports.map(reach), ...found]);
      reachedAt = performance.now();
      return true;
    } catch {
      return false; // that nobody can be reached is the answer
    }
  };
  return createServer((_request, response) => {
    void serves().then((yes) => response.writeHead(yes ? 200 : 503).end());
  });
}
