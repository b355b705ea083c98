import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import { pack } from 'tar-stream';
import { NETWORK_ASSETS, NODE_IMAGE } from '../assets.ts';
import { TpError } from '../errors.ts';

const REPOSITORY = 'tp-network';

interface ContextFile {
  name: string;
  content: Buffer;
}

function contextFiles(directory: string): ContextFile[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  if (entries.length === 0) throw new Error(`${directory} is empty`);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ name: relative(directory, path), content: readFileSync(path) }));
}

/**
 * The network image's name, built if this content never was. `onStep` hears what the build does.
 * Throws TpError when it cannot be built.
 */
export async function ensureNetworkImage(docker: Dockerode, onStep: (line: string) => void): Promise<string> {
  const files = contextFiles(NETWORK_ASSETS);
  const hash = createHash('sha256');
  for (const { name, content } of files) hash.update(`${name}\0${content.length}\0`).update(content);
  const image = `${REPOSITORY}:${hash.digest('hex').slice(0, 12)}`;
  if (await imageExists(docker, image)) return image;

  const context = pack();
  for (const { name, content } of files) context.entry({ name }, content);
  context.finalize();
  onStep(`building ${image}`);
  try {
    const output = await docker.buildImage(Readable.from(context), { t: image, forcerm: true });
    await followBuild(docker, output, onStep);
  } catch (cause) {
    throw new TpError('TP_NETWORK_IMAGE', `the network image cannot be built: ${(cause as Error).message}`, {
      cause,
      hint: `is the base reachable?  docker pull ${NODE_IMAGE}\nor name an image that was built elsewhere:  --network-image IMAGE`,
    });
  }
  return image;
}

/** Whether Docker has the image. */
export async function imageExists(docker: Dockerode, image: string): Promise<boolean> {
  try {
    await docker.getImage(image).inspect();
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}

async function followBuild(
  docker: Dockerode,
  output: NodeJS.ReadableStream,
  onStep: (line: string) => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(
      output,
      (error, messages: { error?: string }[]) => {
        const failed = messages?.find((message) => message.error);
        if (error || failed) reject(error ?? new Error(failed?.error));
        else resolve();
      },
      (message: { stream?: string; status?: string }) => {
        const line = (message.stream ?? message.status ?? '').trim();
        if (line) onStep(line);
      },
    );
  });
}
