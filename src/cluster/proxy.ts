import type { Interrupts } from '../interrupts.ts';
import { SESSION } from '../labels.ts';
import type { SessionPlan } from '../plan.ts';
import type { Progress } from '../progress.ts';
import type { Cluster } from './client.ts';
import { createObjects, deleteObjects, giveBackServices } from './objects.ts';
import { PodSide } from './pod-side.ts';
import { type ProxyPod, waitForProxyPod } from './proxy-pod.ts';

export interface ProxyOptions {
  cluster: Cluster;
  plan: SessionPlan;
  token: Buffer;
  progress: Progress;
  interrupts: Interrupts;
  cleanup: AsyncDisposableStack;
  signal: AbortSignal;
  /** Hears the pod's name as soon as there is one. */
  onNamed(name: string): void;
}

/** The pod ends by itself when it is idle; one that hangs gets this long (s). */
const GRACE_SECONDS = 5;

/** One that nobody was ever connected to has nothing to finish (s). */
const UNUSED_GRACE_SECONDS = 1;

/** Puts the proxy's pod into the cluster and connects to it. What was made is undone by `cleanup`. Throws TpError. */
export async function startProxy(options: ProxyOptions): Promise<PodSide> {
  const { cluster, plan, progress, interrupts, cleanup, signal, onNamed } = options;
  cleanup.defer(() => proxy?.close());
  // Before the first object is made, so that an interruption in between finds them all.
  let grace = UNUSED_GRACE_SECONDS;
  let proxy: PodSide | undefined;
  cleanup.defer(() =>
    progress.step('removing the proxy', async ({ waitingFor }) => {
      // Once more: where it failed before, this fails too, and the pod stays for those who are still led to it.
      await giveBackServices(cluster, plan.session);
      proxy?.streams.cut();
      const graceSeconds = interrupts.hurry ? 0 : grace;
      await deleteObjects(cluster, plan.session, { graceSeconds, waitingFor, departed: proxy?.departed });
    }),
  );
  return await progress.step('proxy pod', async ({ waitingFor }) => {
    await createObjects(cluster, plan.objects);
    const { session, container } = plan;
    const { promise: starting, resolve: onStarting, reject } = Promise.withResolvers<ProxyPod>();
    const ended = new AbortController();
    cleanup.defer(() => ended.abort());
    const say = (what: string) => {
      if (!proxy) waitingFor(what);
    };
    const runs = waitForProxyPod({
      cluster,
      labelSelector: `${SESSION}=${session}`,
      container,
      until: 'running',
      progress: { waitingFor: say, named: onNamed, starting: onStarting },
      signal: AbortSignal.any([signal, ended.signal]),
    });
    runs.then((pod) => {
      say(`the proxy in ${pod.name}`);
      onStarting(pod);
    }, reject);
    const connected = new PodSide(options, await starting);
    // It may be connected to before the cluster tells that it runs, and at which address.
    await connected.connect(runs);
    proxy = connected;
    grace = GRACE_SECONDS;
    cleanup.defer(() => connected.leave());
    return connected;
  });
}
