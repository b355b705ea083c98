import { chooseSession } from './chosen-session.ts';
import { startProxy } from './cluster/proxy.ts';
import { emptyDraft } from './docker/draft.ts';
import { type EnvironmentTextFormat, environmentText } from './environment-text.ts';
import { TpError } from './errors.ts';
import { type DockerRunFlags, withoutTraffic } from './flags.ts';
import type { Interrupts } from './interrupts.ts';
import { ownOwner } from './labels.ts';
import { withoutVariables } from './pod-view.ts';
import { prepareSession } from './prepare-session.ts';
import type { Progress } from './progress.ts';
import { askEnvironment, askSession, sessionsWithSocket } from './status/socket.ts';

export interface EnvFlags extends Partial<DockerRunFlags> {
  format: EnvironmentTextFormat;
}

/**
 * `tp env`: the pod's variables on stdout, and nowhere else; of a session of this user, or, for `kind/name`, of a pod that is
 * made for it and goes again, and takes no traffic. Throws TpError.
 */
export async function envCommand(
  target: string | undefined,
  { format, ...flags }: EnvFlags,
  progress: Progress,
  interrupts: Interrupts,
): Promise<void> {
  const write = (environment: Record<string, string>) =>
    void process.stdout.write(environmentText(environment, format));
  if (target?.includes('/'))
    return await ofWorkload(withoutTraffic({ ...flags, workload: target }), write, progress, interrupts);
  const session = await chosen(target);
  const environment = await askEnvironment(session);
  if (!environment)
    throw new TpError('TP_NO_SESSION', `session ${session} does not answer`, { hint: 'tp status' });
  write(environment);
}

async function chosen(named: string | undefined): Promise<string> {
  const sessions = sessionsWithSocket().map(async (session) => {
    const report = await askSession(session);
    return { session, owner: ownOwner(), workload: report?.workload, live: report !== undefined };
  });
  const live = (await Promise.all(sessions)).filter((each) => each.live);
  return chooseSession(live, named, 'this user’s processes; tp env KIND/NAME makes a pod for it', 'tp env')
    .session;
}

async function ofWorkload(
  own: DockerRunFlags,
  write: (environment: Record<string, string>) => void,
  progress: Progress,
  interrupts: Interrupts,
): Promise<void> {
  const { signal } = interrupts;
  const request = { own, image: '', draft: async () => emptyDraft('') };
  const { cluster, plan, token, found } = await prepareSession(request, progress, signal);
  for (const line of [...plan.notes, ...found.advice]) progress.say(line);
  await using cleanup = new AsyncDisposableStack();
  const proxy = await startProxy({
    cluster,
    plan,
    token,
    progress,
    interrupts,
    cleanup,
    signal,
    onNamed: () => {},
  });
  const view = withoutVariables(await proxy.control.describe(), own.unset, (line) => progress.warn(line));
  write(view.environment);
}
