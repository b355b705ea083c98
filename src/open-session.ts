import { startProxy } from './cluster/proxy.ts';
import { Replacement } from './cluster/replacement.ts';
import { ServiceGuard } from './cluster/service-guard.ts';
import { type Network, startNetwork } from './docker/network.ts';
import { type MountSettings, podFiles } from './docker/pod-files.ts';
import type { ProjectNames } from './docker/project-names.ts';
import { pushImage } from './docker/push-image.ts';
import type { DockerRunFlags } from './flags.ts';
import type { Interrupts } from './interrupts.ts';
import { Links } from './links.ts';
import { withoutVariables } from './pod-view.ts';
import type { PreparedSession } from './prepare-session.ts';
import type { Progress } from './progress.ts';
import { Reporter } from './reporter.ts';
import { reporterOf } from './status/report.ts';
import { serveReport } from './status/socket.ts';
import { Takeover } from './takeover.ts';
import { orAborted, together } from './together.ts';
import type { PodView } from './tunnel/control.ts';
import { letPassingBytesPile } from './tunnel/heap.ts';

/** What a session is opened with. */
export interface Surroundings {
  progress: Progress;
  interrupts: Interrupts;
  /** Undoes what was made, in reverse. */
  cleanup: AsyncDisposableStack;
  /** What the network container is to be called; by the session's id where it is not given. */
  containerName?: string;
  /** What a Compose project says of its containers' names. */
  names?: ProjectNames | undefined;
}

/** A network container that is the pod, for somebody to join. */
export interface OpenSession {
  network: Network;
  /** What the pod looks like from inside. */
  view: PodView;
  /** The pod's files, as whoever joins is to mount them. */
  mounted: MountSettings[];
  /** Rejects when the session cannot go on. */
  lost: Promise<never>;
  /** Tells the proxy whether the user's process runs or will run; while it does not, the original pods answer. */
  processRuns(yes: boolean): Promise<void>;
  /** From now on each Service is switched when a process in the namespace listens on its port. */
  takeOver(): void;
}

/** Puts the proxy into the cluster, and opens the network container that is its pod. Throws TpError. */
export async function openSession(
  prepared: PreparedSession,
  own: DockerRunFlags,
  { progress, interrupts, cleanup, containerName, names }: Surroundings,
): Promise<OpenSession> {
  const { docker, host, cluster, session, token, labels, found, plan } = prepared;
  const { signal } = interrupts;
  letPassingBytesPile();
  for (const line of [...plan.notes, ...found.advice]) progress.say(line);
  const { pushed, draft } = found;
  if (pushed) await progress.step(`pushing ${pushed.target}`, () => pushImage(docker, pushed));

  const reporter = new Reporter(progress, cluster, plan);
  const { promise: podName, resolve: onNamed } = Promise.withResolvers<string>();
  const name = containerName ?? `tp-${session}`;
  // Pod and network container come up side by side.
  const [proxy, network] = await together(
    signal,
    (either) => startProxy({ cluster, plan, token, progress, interrupts, cleanup, onNamed, signal: either }),
    (either) =>
      startNetwork({
        docker,
        host,
        draft,
        own,
        labels,
        session,
        name,
        names,
        podName,
        progress,
        cleanup,
        signal: either,
      }),
  );
  // The link needs it as soon as the container is the pod.
  proxy.streams.prepare(signal);
  const view = withoutVariables(await proxy.control.describe(), own.unset, (line) => progress.warn(line));
  await network.becomePod(view, plan);
  const links = new Links({
    proxy,
    network,
    token,
    progress,
    onEvent: (event) => reporter.event(event),
    onGivenUp: (error) => reporter.failed(error),
  });
  cleanup.defer(() => links.stop());
  cleanup.defer(serveReport(session, 'status', reporterOf(prepared, network, links)));
  cleanup.defer(serveReport(session, 'environment', async () => view.environment));
  await progress.step('link', () => links.begin(signal));
  const { mounts } = proxy;
  const files = progress.step('files', (step) =>
    podFiles({ docker, network, draft, plan, mounts, progress, step }),
  );
  const fallback = plan.fallback ? proxy.originals.check() : undefined;
  const [mounted] = await orAborted(Promise.race([Promise.all([files, fallback]), reporter.lost]), signal);
  let giveBack = async () => {};
  if (plan.replaced) {
    const replacement = new Replacement(cluster, plan.replaced, (error) => reporter.failed(error));
    // After the user's process has ended, for it may be one that must not run twice; callers wait meanwhile.
    cleanup.defer(async () => {
      await proxy.setPhase('ended').catch(() => {}); // a pod that is gone has nobody waiting
      await progress.step('scaling the originals back', async (step) => {
        const missing = await replacement.restore(step, interrupts.hurrySignal);
        if (missing > 0) progress.warn(`${missing} of the original pods are not ready yet`);
        else if (plan.fallback) await proxy.originals.areFound().catch(() => {}); // nor has a pod that is gone
      });
      await giveBack();
      await replacement.remove();
    });
    await progress.step(`scaling ${plan.workload} to zero`, (step) => replacement.begin(step, signal));
  }
  return {
    network,
    view,
    mounted,
    lost: reporter.lost,
    async processRuns(yes) {
      await proxy.setPhase(yes ? 'running' : 'ended');
    },
    takeOver() {
      // Asked while the process starts, which mostly takes about as long; where it fails, who takes a Service asks again.
      if (plan.services.length > 0) proxy.readiness.wait().catch(() => {});
      const takeover = new Takeover({
        plan,
        cluster,
        ready: () => proxy.readiness.wait(),
        onSwitched: (service) => reporter.switched(service, network.published),
        onElsewhere: (line) => progress.warn(line),
        onFailed: (error) => reporter.failed(error),
      });
      const guard = new ServiceGuard({
        plan,
        cluster,
        holds: (name) => takeover.holds(name),
        serve: (ports, udp) => proxy.serve(ports, udp),
        say: (line) => progress.say(line),
        warn: (line) => progress.warn(line),
        onFailed: (error) => reporter.failed(error),
      });
      giveBack = async () => {
        await Promise.all([guard.stop(), takeover.stop()]);
        if (takeover.begun) await progress.step('giving the Services back', () => proxy.giveBack());
      };
      // First of all, unless the originals have to be there first.
      if (!plan.replaced) cleanup.defer(giveBack);
      reporter.follow(network, takeover);
      guard.begin();
    },
  };
}
