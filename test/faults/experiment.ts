import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubectlJson } from '../e2e/harness/cluster.ts';
import { docker } from '../e2e/harness/container.ts';
import { Load, type LoadResult } from '../e2e/harness/load.ts';
import { Relay } from '../e2e/harness/relay.ts';
import { snapshot } from '../e2e/harness/snapshot.ts';
import { Tp } from '../e2e/harness/tp.ts';
import { differences } from './left-behind.ts';
import { OpenStream, type StreamResult } from './open-stream.ts';
import { proxyStory } from './proxy-story.ts';
import { addressOf, NODE_PLACE, SERVER, untilSwitched } from './service.ts';

/** What is allowed to come of a fault. */
export interface Expected {
  id: string;
  what: string;
  /** Requests that may fail: none, those that were under way at that moment, or those until the proxy is back. */
  failed: 'none' | 'in flight' | 'until it is back';
  /** Whether it must survive or must not, or may end. */
  stream: 'survives' | 'is given up' | 'ends' | 'none';
  /** Whether the session goes on by itself. */
  session: 'goes on' | 'ends';
  /** What the fault itself changes for good, by its path in a snapshot. */
  changes?: RegExp;
}

/** A fault that happens to a session under load. */
export interface Fault extends Expected {
  /** Makes what the session is started with, in the experiment's directory, where it is not as always. */
  prepare?(directory: string): Promise<Preparation>;
  /** Does it, and waits until what it is about is over. */
  inject(run: Running): Promise<void>;
}

/** What was made for a session beforehand. */
export interface Preparation {
  env?: NodeJS.ProcessEnv;
  /** Flags of `tp docker-run`. */
  flags?: readonly string[];
  /** Removes it again. Throws where the session has left something in it. */
  undo?(): Promise<void>;
}

/** A session under load, to be disturbed. */
export interface Running {
  tp: Tp;
  /** What was added to tp's environment. */
  env: NodeJS.ProcessEnv;
  relay: Relay;
  /** The experiment's own, with the session's kubeconfig in it. */
  directory: string;
  /** The name of the network container. */
  network: string;
  /** The name of the proxy's pod, as it is now; nothing where none runs. */
  proxyPod(): Promise<string>;
  /** What comes before this call only leads to the fault. */
  begins(): void;
  /** Waits until the session says that it is connected again, once more than at the last call. */
  connectedAgain(): Promise<void>;
}

export interface Outcome {
  id: string;
  what: string;
  load: LoadResult;
  /** Nothing where no stream was open. */
  stream?: StreamResult;
  /** From the fault until the laptop answered new connections again for good (s); 0 where it never stopped. */
  healthyAfter: number | undefined;
  /** What differs from before, once it is over. */
  left: string;
  said: string;
}

/** Requests a second, of which half are on kept connections. */
export const RATE = 50;

/** As many requests as are under way at one moment: what an answer takes, times the rate, and the kept connections. */
export const IN_FLIGHT = 8;

/** A container that is killed is started again at once, and nobody can stand in for it meanwhile (s). */
export const BACK_AFTER_S = 2;

/** A caller that does not wait for so long (ms) sees a cut of 45 s as a failure; ours are as patient as most. */
export const PATIENCE_MS = 60_000;

const NAME = 'tp-faults';

/** Starts a session, loads it, has the fault happen, and tells what came of it. What was left is removed by the next command. */
export async function experiment(fault: Fault): Promise<Outcome> {
  const before = await snapshot();
  // Undone in reverse, where the session does not even start too.
  await using cleanup = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-fault-'));
  cleanup.defer(() => rmSync(directory, { recursive: true }));
  const { relay, kubeconfig } = await Relay.begin(directory);
  cleanup.use(relay);
  const flags = ['--kubeconfig', kubeconfig, '--workload', 'deployment/servicename'];
  const { env = {}, flags: added = [], undo } = (await fault.prepare?.(directory)) ?? {};
  const prepared = cleanup.use(new AsyncDisposableStack());
  if (undo) prepared.defer(undo);
  cleanup.defer(async () => void (await docker('rm', '-f', NAME).catch(() => {})));
  cleanup.defer(async () => void (await new Tp(['leave', '--all'], { env }).exited));
  const tp = await Tp.session(
    [...flags, ...added, '--rm', '--name', NAME, 'node:24-slim', 'node', '-e', SERVER],
    /Service servicename-metrics is switched/,
    { env },
  );
  try {
    const [service, metrics] = await Promise.all([
      addressOf('servicename'),
      addressOf('servicename-metrics'),
    ]);
    await tp.says(/Service servicename is switched/);
    const laptop = `tp-${tp.session}`;
    const proxyPod = () => podOf(tp.session);
    await untilSwitched(metrics);
    const stream = await OpenStream.begin(NODE_PLACE, metrics, 9090);
    const place = { command: NODE_PLACE };
    const load = await Load.start(`http://${service}/who`, RATE, { place, patienceMs: PATIENCE_MS });
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // so that a load is under way, on kept connections too
    let at = Date.now();
    const begins = () => {
      at = Date.now();
    };
    let times = 0;
    const connectedAgain = async () =>
      void (await tp.says(new RegExp(`(connected again after[\\s\\S]*){${++times}}`), 90_000));
    await fault.inject({ tp, env, relay, directory, network: laptop, proxyPod, begins, connectedAgain });
    await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
    const [seen, became] = await Promise.all([load.stop(), stream.end()]);
    const cluster = await proxyStory(tp.session);
    if (fault.session === 'goes on') await tp.end('SIGINT');
    else await Promise.race([tp.exited, tp.end('SIGKILL')]);
    await new Tp(['leave', '--all'], { env }).exited;
    await prepared.disposeAsync();
    return {
      id: fault.id,
      what: fault.what,
      load: seen,
      stream: became,
      healthyAfter: healthyAfter(seen, at),
      left: await differences(before, fault.changes),
      said: `${tp.stderr}\n${cluster}`,
    };
  } finally {
    await tp.end('SIGKILL').catch(() => {});
  }
}

/** The proxy's pod that is not being deleted. */
async function podOf(session: string): Promise<string> {
  const selected = ['pods', '-l', `tp/session=${session}`, '--field-selector=status.phase=Running'];
  const { items } = await kubectlJson<{
    items: { metadata: { name: string; deletionTimestamp?: string } }[];
  }>('get', ...selected);
  return items.find(({ metadata }) => !metadata.deletionTimestamp)?.metadata.name ?? '';
}

/** How long the load goes on after the fault (ms): nodes hear of endpoints within about a second. */
const AFTER_MS = 4_000;

function healthyAfter({ changes }: LoadResult, since: number): number | undefined {
  const after = changes.filter(({ at }) => at >= since);
  const last = after.at(-1) ?? changes.at(-1);
  if (!last?.host.startsWith('tp-')) return undefined;
  return after.length === 0 ? 0 : (last.at - since) / 1000;
}
