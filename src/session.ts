import { startUser } from './docker/user.ts';
import type { DockerRunFlags } from './flags.ts';
import type { Interrupts } from './interrupts.ts';
import { openSession } from './open-session.ts';
import { describePlan, planAsYaml } from './plan-output.ts';
import { prepareSession, type SessionRequest } from './prepare-session.ts';
import type { Progress } from './progress.ts';
import { Drafts } from './reload/drafts.ts';
import { reloadRequest } from './reload/request.ts';
import { orAborted } from './together.ts';

/** A `tp docker-run` line, taken apart. */
export interface DockerRunRequest {
  own: DockerRunFlags;
  flags: string[];
  image: string;
  command: string[];
}

/** The story of one session, from the command to its end. Returns the exit code of the user's container. */
export async function runSession(
  request: DockerRunRequest,
  progress: Progress,
  interrupts: Interrupts,
): Promise<number> {
  const { own } = request;
  const reload = reloadRequest(own, process.cwd());
  const drafts = new Drafts(request, progress);

  // Look and plan: nothing is changed.
  const wanted: SessionRequest = {
    own,
    image: request.image,
    draft: (docker, labels, signal) => drafts.first({ docker, labels, signal }),
  };
  const prepared = await prepareSession(wanted, progress, interrupts.signal);
  const { plan, cluster, docker, labels, found } = prepared;
  if (own.dryRun) {
    const lines = [...describePlan(plan, cluster), ...found.advice].map((line) => `${line}\n`);
    process.stdout.write(own.output === 'yaml' ? planAsYaml(plan) : lines.join(''));
    return 0;
  }

  // Act: all that follows is undone in reverse, whatever happens.
  await using cleanup = new AsyncDisposableStack();
  const { network, view, mounted, lost, processRuns, takeOver } = await openSession(prepared, own, {
    progress,
    interrupts,
    cleanup,
  });

  // Run: the Services are switched when the process listens, and given back first of all.
  const { draft } = found;
  const given = { view, mounted, user: plan.user, labels };
  const user = await startUser({ docker, draft, request, given, network, interrupts, cleanup });
  const reloading = reload && (await import('./reload/reloading.ts')).prepare(reload, user, cleanup);
  const ready = await orAborted(Promise.race([reloading, lost]), interrupts.signal);
  takeOver();
  const { Tty: raw, OpenStdin: input } = draft.inspect.Config;
  progress.yieldTerminal({ raw, input });
  cleanup.defer(() => progress.takeTerminal());
  const running = { lost, processRuns, drafts, progress, signal: interrupts.signal };
  const code = ready
    ? await ready.run(running)
    : await orAborted(Promise.race([user.start(), lost]), interrupts.signal);
  if (code !== 0) progress.say(`the container ended with exit code ${code}`);
  return code;
}
