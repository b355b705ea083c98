import type { Docker } from '../docker/connect.ts';
import { type Draft, readDraft } from '../docker/draft.ts';
import { TpError } from '../errors.ts';
import { compose } from './client.ts';
import { type ComposeProject, fileFlags } from './project.ts';

/**
 * Has Compose create the service's container as it would be without tp, and reads it: its ports, networks, aliases and
 * hosts are what the network container takes over. Throws TpError when Compose refuses.
 */
export async function draftService(docker: Docker, project: ComposeProject, service: string): Promise<Draft> {
  const files = fileFlags(project.files);
  try {
    await compose([...files, 'up', '--no-start', '--no-deps', '--force-recreate', service]);
    const id = (await compose([...files, 'ps', '--all', '--quiet', service])).trim();
    if (id === '' || id.includes('\n')) {
      throw new TpError('TP_COMPOSE_SERVICE', `${service}: Compose made no single container of it`, {
        hint: `docker compose ps --all ${service}`,
      });
    }
    return await readDraft(docker, id);
  } finally {
    await removeServices(project.files, [service]);
  }
}

/** Stops and removes the containers of services, and nothing else of the project. */
export async function removeServices(files: readonly string[], services: readonly string[]): Promise<void> {
  await compose([...fileFlags(files), 'rm', '--stop', '--force', '--volumes', ...services]);
}

/** Has Compose remove the networks of a project that has no container any more: a session may have kept them busy. */
export async function removeUnusedNetworks(files: readonly string[]): Promise<void> {
  const containers = await compose([...fileFlags(files), 'ps', '--all', '--quiet']);
  if (containers.trim() === '') await compose([...fileFlags(files), 'down']);
}
