import { connectCluster } from '../cluster/client.ts';
import { listWorkloads } from '../cluster/workload.ts';
import type { DockerRunFlags } from '../flags.ts';
import type { Interrupts } from '../interrupts.ts';
import type { Progress } from '../progress.ts';
import { orAborted } from '../together.ts';
import { checkCompose } from './client.ts';
import { removeServices, removeUnusedNetworks } from './draft.ts';
import { type Match, matchServices } from './match.ts';
import { isOurs, type WrittenOverride, writeOverride } from './override.ts';
import { type ComposeProject, fileFlags, readProject } from './project.ts';
import { runCompose } from './run.ts';
import { ProjectSessions } from './sessions.ts';
import { checkUpFlags } from './up-flags.ts';

interface Looked {
  project: ComposeProject;
  matches: Match[];
}

/** Reads project and cluster, and says which service is which workload. Changes nothing. Throws TpError. */
async function look(named: readonly string[], own: DockerRunFlags, progress: Progress): Promise<Looked> {
  await checkCompose();
  const project = await readProject(process.cwd(), process.env, isOurs);
  const cluster = connectCluster({ ...own, terminal: progress });
  await cluster.api.logIn();
  const matches = matchServices(project, await listWorkloads(cluster), named);
  for (const { service, workload } of matches) progress.say(`${service} acts as ${workload}`);
  return { project, matches };
}

/** Says where the override is, and how Compose takes it where it does not find it. */
function announce({ path, found }: WrittenOverride, { files }: ComposeProject, progress: Progress): void {
  progress.say(`written: ${path}`);
  if (!found) progress.say(`for docker compose itself: export COMPOSE_FILE=${[...files, path].join(':')}`);
}

/** `tp compose generate`: writes the override, and says how Compose takes it. Throws TpError. */
export async function generateCommand(
  named: readonly string[],
  own: DockerRunFlags,
  progress: Progress,
): Promise<void> {
  const { project, matches } = await look(named, own, progress);
  announce(writeOverride(project, matches), project, progress);
  progress.say(`tp compose up ${matches.map(({ service }) => service).join(' ')}`);
}

/**
 * `tp compose up`: sessions for the services, the override, and `docker compose up` in this terminal until it ends.
 * On the way out everything is restored. Returns Compose's exit code.
 */
export async function composeUp(
  named: readonly string[],
  own: DockerRunFlags,
  composeFlags: readonly string[],
  progress: Progress,
  interrupts: Interrupts,
): Promise<number> {
  const { project, matches } = await look(named, own, progress);
  checkUpFlags(
    composeFlags,
    matches.map(({ service }) => service),
  );
  const written = writeOverride(project, matches);
  announce(written, project, progress);
  const files = [...project.files, written.path];

  const sessions = new ProjectSessions(project, matches, own, progress, interrupts);
  const { signal } = interrupts;
  try {
    await orAborted(Promise.race([sessions.ready, sessions.lost]), signal);
    progress.yieldTerminal({ raw: false, input: false });
    const up = [...fileFlags(files), 'up', ...composeFlags];
    const { lost } = sessions;
    const { hurrySignal } = interrupts;
    const code = await runCompose(up, { lost, signal, hurrySignal, onEnd: () => sessions.stop() });
    if (!signal.aborted) progress.say(`docker compose up has ended, with exit code ${code}`);
    return code;
  } finally {
    const warn = (error: Error) => progress.warn(error.message);
    // Where it failed too early to touch any container, those of before stay.
    const begun = [...sessions.begun];
    if (begun.length > 0) await removeServices(files, begun).catch(warn);
    sessions.stop();
    await sessions.ended();
    if (begun.length > 0) await removeUnusedNetworks(files).catch(warn);
  }
}
