import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type Dockerode from 'dockerode';
import { TpError } from '../errors.ts';
import { STDERR } from '../progress.ts';

/**
 * Builds an image of a directory by Docker's own client, which shows its progress on stderr: stdout is the container's.
 * Returns its id. Throws TpError when the build fails, and the signal's reason when that cut it.
 */
export async function buildImage(
  docker: Dockerode,
  { image, directory }: { image: string; directory: string },
  signal: AbortSignal,
): Promise<string> {
  const client = spawn('docker', ['build', '--tag', image, directory], {
    stdio: ['ignore', STDERR, STDERR],
    signal,
  });
  client.on('error', () => {}); // aborted: 'close' follows
  const [code] = (await once(client, 'close')) as [number | null];
  signal.throwIfAborted();
  if (code !== 0) {
    throw new TpError('TP_BUILD', `${image} cannot be built, for the reason above`, {
      hint: `docker build --tag ${image} ${directory}`,
    });
  }
  return (await docker.getImage(image).inspect()).Id;
}

/** Removes an image that a later build has taken the name of. One that has a name, is in use, or is gone stays so. */
export async function removeUnnamed(docker: Dockerode, id: string): Promise<void> {
  const image = docker.getImage(id);
  try {
    const { RepoTags, RepoDigests } = await image.inspect();
    if ((RepoTags ?? []).length === 0 && (RepoDigests ?? []).length === 0) await image.remove();
  } catch (error) {
    const { statusCode } = error as { statusCode?: number };
    if (statusCode !== 409 && statusCode !== 404) throw error;
  }
}
