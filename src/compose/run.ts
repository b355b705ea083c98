import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { INTERRUPTED } from '../interrupts.ts';

/** How long Compose may take to stop what it started (ms): its own limit is 10 s for each container. */
const STOP_LIMIT_MS = 30_000;

/** The descriptor through which Compose's guard sees that tp lives. */
const ALIVE = 3;

/**
 * Compose, and a guard that interrupts it when tp dies without a word: in a session of its own no Ctrl-C would reach it
 * any more. A word through the pipe tells the guard that Compose has ended by itself.
 */
const GUARDED = `
(read -r _ <&${ALIVE} || kill -INT $$) </dev/null >/dev/null 2>&1 &
exec docker compose "$@" ${ALIVE}<&-`;

export interface ComposeRun {
  /** Rejects when Compose is of no use any more. */
  lost: Promise<unknown>;
  /** Aborts when Compose is to end. */
  signal: AbortSignal;
  /** Is called then, before Compose hears of it. */
  onEnd(): void;
  /** Aborts when it is to end at once: Compose takes a second signal for that. */
  hurrySignal: AbortSignal;
}

/**
 * Runs Compose in this terminal, in a session of its own. At Ctrl-C the sessions end at once, so that the Services are
 * given back before anything stops; Compose hears of it once, and stops in order. Returns its exit code; throws why it
 * was lost.
 */
export async function runCompose(
  args: readonly string[],
  { lost, signal, onEnd, hurrySignal }: ComposeRun,
): Promise<number> {
  const client = spawn('sh', ['-c', GUARDED, 'sh', ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    detached: true,
  });
  const exited = exitOf(client);
  const interrupt = () => void client.kill('SIGINT');
  const { promise: late, resolve: onLate } = Promise.withResolvers<number>();
  const end = () => {
    onEnd();
    interrupt();
    setTimeout(() => onLate(INTERRUPTED), STOP_LIMIT_MS).unref();
  };
  signal.addEventListener('abort', end, { once: true });
  hurrySignal.addEventListener('abort', interrupt, { once: true });
  const orLost = lost.catch((error) => {
    if (!signal.aborted) throw error;
  });
  try {
    return await Promise.race([exited, late, orLost.then(() => exited)]);
  } finally {
    signal.removeEventListener('abort', end);
    hurrySignal.removeEventListener('abort', interrupt);
    if (client.exitCode === null && !signal.aborted) {
      interrupt();
      setTimeout(() => onLate(INTERRUPTED), STOP_LIMIT_MS).unref();
    }
    await Promise.race([exited, late]);
  }
}

async function exitOf(client: ChildProcess): Promise<number> {
  const alive = client.stdio[ALIVE] as Writable;
  alive.on('error', () => {}); // the guard has gone
  const [code] = (await once(client, 'exit')) as [number | null];
  alive.end('ended\n');
  return code ?? 1;
}
