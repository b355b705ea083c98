import type { Docker } from './docker/connect.ts';
import { type Draft, draftContainer, emptyDraft } from './docker/draft.ts';
import { ensureNetworkImage } from './docker/network-image.ts';
import { containerExists } from './docker/session-containers.ts';
import { TpError } from './errors.ts';
import type { DockerRunFlags } from './flags.ts';
import { heldFiles, makeHeldDirectory, removeHeldDirectory, writeEnvironment } from './held-files.ts';
import type { Interrupts } from './interrupts.ts';
import { HELD } from './labels.ts';
import { openSession } from './open-session.ts';
import { prepareSession, type SessionRequest } from './prepare-session.ts';
import type { Progress } from './progress.ts';
import { orAborted } from './together.ts';

/** A session that is open for others to join: `docker run --network container:NAME`, Compose, an IDE. */
export interface HoldRequest {
  own: DockerRunFlags;
  /** The network container's name, by which others join. */
  name: string;
  /** Flags of `docker run` that concern the network: ports, networks, hosts. */
  dockerFlags: string[];
}

/** What those who join need to know. */
export interface HeldSession {
  name: string;
  session: string;
  workload: string | undefined;
  /** A file with the pod's environment. */
  environment: string;
  /** Variables that such a file cannot hold. */
  leftOut: string[];
}

/** Opens a session and holds it until a signal comes or it is lost. `onReady` hears when it can be joined. */
export async function holdSession(
  request: HoldRequest,
  progress: Progress,
  interrupts: Interrupts,
  onReady: (held: HeldSession) => void,
): Promise<never> {
  const { own, name } = request;
  const prepared = await prepareSession(asSession(request), progress, interrupts.signal);
  const { labels, session, plan } = prepared;
  labels[HELD] = name;
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => removeHeldDirectory(name));
  makeHeldDirectory(name);
  const surroundings = { progress, interrupts, cleanup, containerName: name };
  const { view, lost, takeOver } = await openSession(prepared, own, surroundings);
  const { environment } = heldFiles(name);
  const leftOut = writeEnvironment(environment, view.environment);
  takeOver();
  onReady({ name, session, workload: plan.workload, environment, leftOut });
  return await orAborted(lost, interrupts.signal);
}

/** There is no image: the network container takes over what Docker's flags say, as of a container of its own. */
const asSession = ({ own, name, dockerFlags }: HoldRequest): SessionRequest => ({
  own,
  image: '',
  async draft(docker, labels, signal): Promise<Draft> {
    await refuseTaken(docker, name);
    if (dockerFlags.length === 0) return emptyDraft(name);
    const { networkImage: named } = own;
    const image = await ensureNetworkImage({ docker, host: '', named, onStep: () => {} });
    const flags = ['--name', name, ...dockerFlags];
    return await draftContainer(docker, { flags, image, command: [] }, labels, signal);
  },
});

async function refuseTaken(docker: Docker, name: string): Promise<void> {
  if (!(await containerExists(docker, name))) return;
  throw new TpError('TP_NAME_TAKEN', `there is a container ${name} already`, {
    hint: `tp status\ntp down ${name.replace(/^tp-/, '')}`,
  });
}
