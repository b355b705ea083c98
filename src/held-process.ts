import { fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Interrupted, type TpError } from './errors.ts';
import { heldFiles, removeHeldFiles } from './held-files.ts';
import type { HeldSession, HoldRequest } from './hold.ts';

/** A session in the background: a process of its own that says to the one that started it how it went, then stays. */

/** The command by which the program is started again; hidden. */
export const HOLD_COMMAND = '__hold';

/** What the background process says, once. */
export type HoldReport =
  | { ready: HeldSession }
  | { failed: { code: TpError['code'] | undefined; message: string; hint: string | undefined } };

/** Starts the process, and waits until its session can be joined. It is ended by `signal` if that comes first. */
export async function startHeld(request: HoldRequest, signal: AbortSignal): Promise<HoldReport> {
  const log = openSync(heldFiles(request.name).log, 'a', 0o600); // one that runs may be writing there
  const [, program = ''] = process.argv;
  // Of no terminal: it goes on when this one is closed.
  const held = fork(program, [HOLD_COMMAND], { detached: true, stdio: ['ignore', log, log, 'ipc'] });
  closeSync(log);
  const end = () => void held.kill('SIGTERM');
  signal.addEventListener('abort', end, { once: true });
  try {
    return await new Promise<HoldReport>((resolve, reject) => {
      held.once('message', (report: HoldReport) => {
        // One that failed ends now: what it made is undone by then.
        if ('ready' in report) resolve(report);
        else held.off('exit', ended).once('exit', () => resolve(report));
      });
      held.once('error', reject);
      const ended = () =>
        reject(
          (signal.reason as Error | undefined) ?? new Error(`it ended: see ${heldFiles(request.name).log}`),
        );
      held.once('exit', ended);
      held.send(request);
    });
  } finally {
    signal.removeEventListener('abort', end);
    if (held.connected) held.disconnect();
    held.unref();
  }
}

/** The background process's side: holds the session that it is told of. Returns its exit code. */
export async function runHeld(): Promise<number> {
  const [{ holdSession }, { Progress }, { Interrupts }, { describeError, TpError }] = await Promise.all([
    import('./hold.ts'),
    import('./progress.ts'),
    import('./interrupts.ts'),
    import('./errors.ts'),
  ]);
  const report = (text: HoldReport) => void (process.connected && process.send?.(text));
  const request = await new Promise<HoldRequest>((resolve) => process.once('message', resolve));
  const interrupts = new Interrupts(() => {});
  try {
    await holdSession(request, new Progress(), interrupts, (ready) => report({ ready }));
  } catch (error) {
    if (error instanceof Interrupted) {
      removeHeldFiles(request.name); // nobody has to be told why
      return 0;
    }
    process.stderr.write(`${describeError(error)}\n`);
    const known = error instanceof TpError ? error : undefined;
    const message = known?.message ?? String((error as Error).message ?? error);
    report({ failed: { code: known?.code, message, hint: known?.hint } });
    return 1;
  }
  return 0;
}
