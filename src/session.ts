import { checkDraft, draftContainer } from './docker/draft.ts';
import { startUser } from './docker/user.ts';
import { clientFlags } from './docker/user-container.ts';
import type { DockerRunFlags } from './flags.ts';
import type { Interrupts } from './interrupts.ts';
import { openSession } from './open-session.ts';
import { describePlan, planAsYaml } from './plan-output.ts';
import { prepareSession, type SessionRequest } from './prepare-session.ts';
import type { Progress } from './progress.ts';

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

  // Look and plan: nothing is changed.
  const prepared = await prepareSession(asSession(request), progress, interrupts.signal);
  const { plan, cluster, docker, labels, found } = prepared;
  if (own.dryRun) {
    const lines = [...describePlan(plan, cluster), ...found.advice].map((line) => `${line}\n`);
    process.stdout.write(own.output === 'yaml' ? planAsYaml(plan) : lines.join(''));
    return 0;
  }

  // Act: all that follows is undone in reverse, whatever happens.
  await using cleanup = new AsyncDisposableStack();
  const { network, view, lost, takeOver } = await openSession(prepared, own, {
    progress,
    interrupts,
    cleanup,
  });

  // Run: the Services are switched when the process listens, and given back first of all.
  const { draft } = found;
  const user = await startUser({ docker, draft, request, view, network, labels, interrupts, cleanup });
  takeOver();
  const { Tty: raw, OpenStdin: input } = draft.inspect.Config;
  progress.yieldTerminal({ raw, input });
  cleanup.defer(() => progress.takeTerminal());
  const code = await user.run(lost);
  if (code !== 0) progress.say(`the container ended with exit code ${code}`);
  return code;
}

/** Docker's own client reads the flags. */
const asSession = ({ own, flags, image, command }: DockerRunRequest): SessionRequest => ({
  own,
  image,
  async draft(docker, labels, signal) {
    const draft = await draftContainer(
      docker,
      { flags: clientFlags(flags).create, image, command },
      labels,
      signal,
    );
    checkDraft(draft);
    return draft;
  },
});
