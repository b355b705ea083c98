import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { connectCluster } from '../cluster/client.ts';
import { listWorkloads } from '../cluster/workload.ts';
import { TpError } from '../errors.ts';
import type { DockerRunFlags } from '../flags.ts';
import { holdUntil } from '../hold.ts';
import type { Interrupts } from '../interrupts.ts';
import type { Progress } from '../progress.ts';
import { orAborted } from '../together.ts';
import { checkCompose } from './client.ts';
import { draftService, removeServices } from './draft.ts';
import { beneath } from './environment.ts';
import { type Match, matchServices } from './match.ts';
import { isOurs, networkName, writeOverride } from './override.ts';
import { type ComposeProject, fileFlags, readProject } from './project.ts';

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

/** `tp compose generate`: writes the override, and says how Compose takes it. Throws TpError. */
export async function generateCommand(
  named: readonly string[],
  own: DockerRunFlags,
  progress: Progress,
): Promise<void> {
  const { project, matches } = await look(named, own, progress);
  const { path, found } = writeOverride(project, matches);
  progress.say(`written: ${path}`);
  if (!found)
    progress.say(`for docker compose itself: export COMPOSE_FILE=${[...project.files, path].join(':')}`);
  progress.say(`tp compose up ${matches.map(({ service }) => service).join(' ')}`);
}

/** How long Compose may take to stop what it started (ms): its own limit is 10 s for each container. */
const STOP_LIMIT_MS = 30_000;

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
  const { path } = writeOverride(project, matches);
  progress.say(`written: ${basename(path)}`);
  const files = [...project.files, path];
  const services = matches.map(({ service }) => service);

  const stop = new AbortController();
  const ready = matches.map(() => Promise.withResolvers<void>());
  // Each session lives until Compose has ended, and the end of one is the end of all.
  const sessions = matches.map(async ({ service, workload, container }, at) => {
    try {
      await holdUntil(
        {
          own: { ...own, workload, container },
          name: networkName(project.name, service),
          draft: (docker) => draftService(docker, project, service),
          format: beneath(project.services[service]?.environment ?? {}),
        },
        { progress, interrupts, until: AbortSignal.any([stop.signal, interrupts.hurrySignal]) },
        () => ready[at]?.resolve(),
      );
    } finally {
      ready[at]?.reject(new TpError('TP_COMPOSE', `the session of ${service} has ended`));
    }
  });
  for (const { promise } of ready) promise.catch(() => {}); // what ended it is told below
  const failed = Promise.all(sessions);
  failed.catch(() => {});
  try {
    await orAborted(
      Promise.race([Promise.all(ready.map(({ promise }) => promise)), failed]),
      interrupts.signal,
    );
    progress.yieldTerminal({ raw: false, input: false });
    return await runCompose([...fileFlags(files), 'up', ...composeFlags], failed, stop, interrupts);
  } finally {
    await removeServices(files, services).catch((error: Error) => progress.warn(error.message));
    stop.abort();
    await Promise.allSettled(sessions);
  }
}

/**
 * Runs Compose in this terminal, in a session of its own. At Ctrl-C the sessions end at once, so that the Services are
 * given back before anything stops; Compose hears of it once, and stops in order.
 */
async function runCompose(
  args: string[],
  lost: Promise<unknown>,
  stop: AbortController,
  interrupts: Interrupts,
): Promise<number> {
  const client = spawn('docker', ['compose', ...args], { stdio: 'inherit', detached: true });
  const exited = once(client, 'exit').then(([code]) => (code as number | null) ?? 1);
  const { signal } = interrupts;
  const end = () => {
    stop.abort();
    client.kill('SIGINT');
  };
  signal.addEventListener('abort', end, { once: true });
  const orLost = lost.catch((error) => {
    if (!signal.aborted) throw error;
  });
  try {
    return await Promise.race([exited, orLost.then(() => exited)]);
  } finally {
    signal.removeEventListener('abort', end);
    if (client.exitCode === null && !signal.aborted) client.kill('SIGINT');
    const limit = new Promise<void>((resolve) => setTimeout(resolve, STOP_LIMIT_MS).unref());
    await Promise.race([exited, limit]);
  }
}
