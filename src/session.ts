import { randomBytes } from 'node:crypto';
import { type Cluster, connectCluster } from './cluster/client.ts';
import { startProxy } from './cluster/proxy.ts';
import { connectDocker } from './docker/connect.ts';
import { startNetwork } from './docker/network.ts';
import { pushImage } from './docker/push-image.ts';
import { startUser } from './docker/user.ts';
import type { DockerRunFlags } from './flags.ts';
import type { Interrupts } from './interrupts.ts';
import { dockerLabels, newSessionId, ownOwner } from './labels.ts';
import { clearDeadSessions } from './leave.ts';
import { joinLink } from './link.ts';
import { look } from './look.ts';
import { hashOf, planSession } from './plan.ts';
import { describePlan, planAsYaml } from './plan-output.ts';
import type { Progress } from './progress.ts';
import { Reporter } from './reporter.ts';
import { Takeover } from './takeover.ts';
import { orAborted, together } from './together.ts';
import { TOKEN_BYTES } from './tunnel/preamble.ts';

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
  const { signal } = interrupts;
  const { own } = request;

  // Look: nothing is changed.
  const { docker, host } = await connectDocker();
  const cluster: Cluster = connectCluster({ ...own, terminal: progress });
  // Before anything else writes to the terminal: a login plugin may ask its person something.
  await orAborted(cluster.api.logIn(), signal);
  if (!own.dryRun) await clearDeadSessions(docker, cluster, progress);
  const session = newSessionId();
  const owner = ownOwner();
  const token = randomBytes(TOKEN_BYTES);
  const labels = dockerLabels(session, owner, cluster);
  const found = await progress.step('looking at image and cluster', () =>
    look(docker, cluster, request, labels, signal),
  );

  // Plan.
  const { namespace } = cluster;
  const tokenSha256 = hashOf(token);
  const plan = planSession({
    ...found,
    session,
    owner,
    tokenSha256,
    namespace,
    image: request.image,
    flags: own,
  });
  if (own.dryRun) {
    const lines = [...describePlan(plan, cluster), ...found.advice].map((line) => `${line}\n`);
    process.stdout.write(own.output === 'yaml' ? planAsYaml(plan) : lines.join(''));
    return 0;
  }
  for (const line of [...plan.notes, ...found.advice]) progress.say(line);

  const { pushed } = found;
  if (pushed) await progress.step(`pushing ${pushed.target}`, () => pushImage(docker, pushed));

  // Act: pod and network container come up side by side; all that follows is undone in reverse, whatever happens.
  await using cleanup = new AsyncDisposableStack();
  const reporter = new Reporter(progress, cluster, plan);
  const { promise: podName, resolve: onNamed } = Promise.withResolvers<string>();
  const [proxy, network] = await together(
    signal,
    (either) => startProxy({ cluster, plan, token, progress, interrupts, cleanup, onNamed, signal: either }),
    (either) =>
      startNetwork({
        docker,
        host,
        draft: found.draft,
        own,
        labels,
        session,
        podName,
        progress,
        cleanup,
        signal: either,
      }),
  );
  const view = await proxy.control.describe();
  await network.becomePod(view, plan);
  await progress.step('link', () => joinLink(proxy, network, token, signal));
  if (plan.fallback) await proxy.checkFallback(plan);

  // Run: the Services are switched when the process listens, and given back first of all.
  const user = await startUser({
    docker,
    draft: found.draft,
    request,
    view,
    network,
    labels,
    interrupts,
    cleanup,
  });
  cleanup.defer(() => progress.step('giving the Services back', () => proxy.giveBack()));
  const takeover = new Takeover({
    plan,
    cluster,
    ready: () => proxy.ready(),
    onSwitched: (service) => reporter.switched(service, network.published),
    onElsewhere: (line) => progress.warn(line),
    onFailed: (error) => reporter.failed(error),
  });
  cleanup.defer(() => takeover.stop());
  reporter.follow(proxy, network, takeover);
  const { Tty: raw, OpenStdin: input } = found.draft.inspect.Config;
  progress.yieldTerminal({ raw, input });
  cleanup.defer(() => progress.takeTerminal());
  const code = await user.run(reporter.lost);
  if (code !== 0) progress.say(`the container ended with exit code ${code}`);
  return code;
}
