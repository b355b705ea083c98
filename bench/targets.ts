import { embedded } from '../test/e2e/harness/cluster.ts';
import { agentPid, proxyPid } from '../test/e2e/harness/processes.ts';
import type { Parts } from './costs.ts';
import { sharedParts } from './cpu.ts';
import { Peer, type PeerFile } from './peer.ts';
import type { Pods } from './pods.ts';
import { PortForward } from './port-forward.ts';
import { inContainer, inPod, onHost, type Place } from './run-client.ts';
import { LAPTOP, Session, type Started } from './session.ts';
import type { Way } from './ways.ts';

/** servicename's port in its pods. */
const PORT = 8080;

/** Where the client runs, and what it calls. */
export interface Target {
  place: Place;
  base: string;
  mark?: string;
}

/** All ways over one link, ready to be measured. */
export interface Opened {
  targets: Partial<Record<Way, Target>>;
  parts: Parts;
  session: Session;
  started: Started;
  /** How long each took from its command to its first answer (s). */
  kubectlStart: number;
  peerStart: number | undefined;
  /** What kubectl and tp have said, for a failure's report. */
  said: () => string;
}

export interface OpenOptions {
  pods: Pods;
  kubeconfig: string;
  peer: PeerFile | undefined;
  /** Ends what is started here. */
  cleanup: AsyncDisposableStack;
}

export async function openTargets({ pods, kubeconfig, peer: file, cleanup }: OpenOptions): Promise<Opened> {
  const frontend = inPod(pods.frontend);
  const direct = `http://${pods.original.ip}:${PORT}`;

  const begin = performance.now();
  const forward = cleanup.use(new PortForward(pods.original.name, PORT, kubeconfig));
  await forward.answers();
  const kubectlStart = (performance.now() - begin) / 1000;

  const peer = file && cleanup.use(new Peer(file, kubeconfig));
  const peerStart = await peer?.start(`${direct}/healthz`);

  const session = cleanup.use(new Session(kubeconfig));
  const started = await session.start(frontend);
  return {
    targets: {
      pod: { place: frontend, base: direct },
      kubectl: { place: onHost, base: forward.base },
      ...(peer ? { peer: { place: peer.place, base: direct } } : {}),
      out: { place: inContainer(LAPTOP), base: direct },
      // Not by its name, which would be looked up for each new connection: the other ways look nothing up.
      in: { place: frontend, base: `http://${pods.serviceIp}`, mark: session.mark },
    },
    parts: embedded ? await partsOf(session, forward) : {},
    session,
    started,
    kubectlStart,
    peerStart,
    said: () => `kubectl said: ${forward.complaints}\ntp said: ${session.said}`,
  };
}

/** The processes that carry each way; only where all are on this machine. */
async function partsOf({ tp }: Session, forward: PortForward): Promise<Parts> {
  const shared = sharedParts();
  const own = {
    CLI: [tp.child.pid ?? 0],
    agent: [await agentPid(tp.session)],
    proxy: [await proxyPid(tp.session)],
  };
  const ours = { ...own, ...shared };
  return { out: ours, in: ours, kubectl: { kubectl: [forward.pid], ...shared } };
}
