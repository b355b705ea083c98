import { serviceNames } from './cluster/services.ts';
import type { Docker } from './docker/connect.ts';
import { draftContainer, emptyDraft } from './docker/draft.ts';
import { makeFilesContainer } from './docker/files-container.ts';
import { ensureNetworkImage } from './docker/network-image.ts';
import { type NameRules, ProjectNames } from './docker/project-names.ts';
import { containerExists } from './docker/session-containers.ts';
import { TpError } from './errors.ts';
import type { DockerRunFlags } from './flags.ts';
import {
  dockerFormat,
  type EnvironmentFormat,
  heldFiles,
  makeHeldDirectory,
  removeHeldDirectory,
  writeEnvironment,
} from './held-files.ts';
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

/** How a session that is held is named, what it stands for, and what its network container takes over. */
export interface HeldRequest {
  own: DockerRunFlags;
  name: string;
  draft: SessionRequest['draft'];
  /** How those who join read the pod's environment. */
  format: EnvironmentFormat;
  /** What a Compose project says of names. */
  names?: NameRules;
}

export interface Holding {
  progress: Progress;
  interrupts: Interrupts;
  /** Ends the session. */
  until: AbortSignal;
}

/** Opens a session and holds it until it is told to end, or is lost. `onReady` hears when it can be joined. */
export async function holdUntil(
  { own, name, draft, format, names: rules }: HeldRequest,
  { progress, interrupts, until }: Holding,
  onReady: (held: HeldSession) => void,
): Promise<never> {
  const request: SessionRequest = {
    own,
    image: '',
    async draft(docker, ownLabels, signal) {
      await refuseTaken(docker, name);
      return await draft(docker, ownLabels, signal);
    },
  };
  const prepared = await prepareSession(request, progress, interrupts.signal);
  const { labels, session, plan } = prepared;
  labels[HELD] = name;
  const names = rules && new ProjectNames(rules, await serviceNames(prepared.cluster));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => removeHeldDirectory(name));
  makeHeldDirectory(name);
  const surroundings = { progress, interrupts, cleanup, containerName: name, names };
  const { network, view, mounted, lost, takeOver } = await openSession(prepared, own, surroundings);
  await makeFilesContainer({
    docker: prepared.docker,
    network: network.container,
    name,
    labels,
    mounted,
    cleanup,
  });
  const file = format(view.environment);
  writeEnvironment(name, file);
  takeOver();
  const { environment } = heldFiles(name);
  onReady({ name, session, workload: plan.workload, environment, leftOut: file.leftOut });
  return await orAborted(lost, until);
}

/** Opens a session that Docker's flags say the network of, and holds it until a signal comes or it is lost. */
export async function holdSession(
  { own, name, dockerFlags }: HoldRequest,
  progress: Progress,
  interrupts: Interrupts,
  onReady: (held: HeldSession) => void,
): Promise<never> {
  const draft: SessionRequest['draft'] = async (docker, labels, signal) => {
    if (dockerFlags.length === 0) return emptyDraft(name);
    const { networkImage: named } = own;
    const image = await ensureNetworkImage({ docker, host: '', named, onStep: () => {} });
    const flags = ['--name', name, ...dockerFlags];
    return await draftContainer(docker, { flags, image, command: [] }, labels, signal);
  };
  const holding = { progress, interrupts, until: interrupts.signal };
  return await holdUntil({ own, name, draft, format: dockerFormat }, holding, onReady);
}

async function refuseTaken(docker: Docker, name: string): Promise<void> {
  if (!(await containerExists(docker, name))) return;
  throw new TpError('TP_NAME_TAKEN', `there is a container ${name} already`, {
    hint: `tp status\ntp down ${name.replace(/^tp-/, '')}`,
  });
}
