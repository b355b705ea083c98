import { filesContainerName } from './docker/files-container.ts';
import { TpError } from './errors.ts';
import type { DockerRunFlags } from './flags.ts';
import { heldFiles, removeHeldFiles } from './held-files.ts';
import { startHeld } from './held-process.ts';
import type { HeldSession } from './hold.ts';
import type { Progress } from './progress.ts';

/** `tp up`: holds a session for each workload in the background, and says how to join it. Throws the first failure. */
export async function upCommand(
  workloads: readonly string[],
  own: DockerRunFlags,
  dockerFlags: string[],
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  // Side by side: each waits for a pod of its own.
  const starting = workloads.map(async (workload) => {
    const name = `tp-${workload.split('/').at(-1)}`;
    return await progress.step(workload, () =>
      startOne({ own: { ...own, workload }, name, dockerFlags }, signal),
    );
  });
  const results = await Promise.allSettled(starting);
  for (const result of results) if (result.status === 'fulfilled') tell(result.value, progress);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

async function startOne(request: Parameters<typeof startHeld>[0], signal: AbortSignal): Promise<HeldSession> {
  const report = await startHeld(request, signal);
  if ('ready' in report) return report.ready;
  const { code, message, hint } = report.failed;
  // It has been told here; that of a session that runs under this name goes on.
  if (code !== 'TP_NAME_TAKEN') removeHeldFiles(request.name);
  if (code === undefined) throw new Error(message);
  throw new TpError(code, message, hint === undefined ? {} : { hint });
}

/** How to join goes to stdout, for scripts; the rest is for people. */
function tell({ name, session, workload, environment, leftOut }: HeldSession, progress: Progress): void {
  const files = `--volumes-from ${filesContainerName(name)}`;
  process.stdout.write(`--network container:${name} ${files} --env-file ${environment}\n`);
  progress.say(`${workload} is held as ${name}, session ${session}; its log: ${heldFiles(name).log}`);
  if (leftOut.length > 0)
    progress.warn(
      `of several lines, so not in the file: ${leftOut.join(', ')}; tp docker-run gives them too`,
    );
  progress.say(`tp down ${name.replace(/^tp-/, '')} ends it`);
}
