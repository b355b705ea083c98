import type Dockerode from 'dockerode';
import { NETWORK_ASSETS, NODE_IMAGE } from '../assets.ts';
import { TpError } from '../errors.ts';
import { proxyArguments } from './build-arguments.ts';
import { type BuildContext, buildContext } from './build-context.ts';
import { failureOf } from './client-command.ts';
import { exists } from './exists.ts';

const REPOSITORY = 'tp-network';

/** What an image that was built here is told from others by. */
const LABEL = 'tp/network-image';

export interface NetworkImageOptions {
  docker: Dockerode;
  /** Docker's address. */
  host: string;
  /** An image of the user's, instead of one that is built. */
  named: string | undefined;
  /** Hears what a build or a pull does. */
  onStep(line: string): void;
}

const OFFLINE = `is the base reachable?  docker pull ${NODE_IMAGE}
or name an image that was built elsewhere:  --network-image IMAGE`;

/** The network image's name, pulled or built if it is not there. Throws TpError when it cannot be had. */
export async function ensureNetworkImage(options: NetworkImageOptions): Promise<string> {
  const { docker, named, onStep } = options;
  if (named !== undefined) {
    if (!(await imageExists(docker, named))) await pull(named, onStep);
    return named;
  }
  const { Arch } = await docker.version();
  return await buildFor(options, Arch ?? 'unknown');
}

/** What a daemon of this architecture builds the image from, and how that is called. Throws TpError. */
function imageFor(architecture: string): { image: string; context: BuildContext } {
  const context = buildContext(NETWORK_ASSETS, architecture);
  if (!context) {
    throw new TpError('TP_NETWORK_IMAGE', `there is no network image for ${architecture}`, {
      hint: '--network-image IMAGE, with one that was built for it',
    });
  }
  return { image: `${REPOSITORY}:${context.hash.slice(0, 12)}`, context };
}

/** The image that a session would run, if it is here already: nothing is pulled or built. Throws TpError. */
export async function presentNetworkImage(
  docker: Dockerode,
  named: string | undefined,
): Promise<{ image: string; present: boolean }> {
  const image = named ?? imageFor((await docker.version()).Arch ?? 'unknown').image;
  return { image, present: await imageExists(docker, image) };
}

/** The image for one architecture of a daemon, built if this content never was. Throws TpError. */
export async function buildFor(options: NetworkImageOptions, architecture: string): Promise<string> {
  const { docker, host, onStep } = options;
  const { image, context } = imageFor(architecture);
  if (await imageExists(docker, image)) return image;
  await checkBase(docker, architecture);
  onStep(`building ${image} (once; its base is ${NODE_IMAGE})`);
  try {
    await build(docker, image, context, proxyArguments(host, process.env), onStep);
  } catch (cause) {
    throw new TpError('TP_NETWORK_IMAGE', `the network image cannot be built: ${(cause as Error).message}`, {
      cause,
      hint: OFFLINE,
    });
  }
  await removeOlder(docker, image);
  return image;
}

/** Whether Docker has the image. */
export const imageExists = (docker: Dockerode, image: string): Promise<boolean> =>
  exists(docker.getImage(image).inspect());

async function pull(image: string, onStep: (line: string) => void): Promise<void> {
  onStep(`pulling ${image}`);
  const why = await failureOf(['pull', '--quiet', image]);
  if (why === undefined) return;
  throw new TpError('TP_NETWORK_PULL', `--network-image ${image}: ${why}`, { hint: `docker pull ${image}` });
}

async function build(
  docker: Dockerode,
  image: string,
  context: BuildContext,
  buildargs: Record<string, string>,
  onStep: (line: string) => void,
): Promise<void> {
  const options = { t: image, forcerm: true, buildargs, labels: { [LABEL]: context.hash } };
  const output = await docker.buildImage(context.tar(), options);
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

/** A base of another architecture that is here under the same name would be built upon without a word. */
async function checkBase(docker: Dockerode, wanted: string): Promise<void> {
  if (!(await imageExists(docker, NODE_IMAGE))) return; // the build pulls the one of the daemon's architecture
  const { Architecture } = await docker.getImage(NODE_IMAGE).inspect();
  if (Architecture === wanted) return;
  const what = `the network image cannot be built: ${NODE_IMAGE} is here for ${Architecture}, and this Docker is ${wanted}`;
  throw new TpError('TP_NETWORK_IMAGE', what, {
    hint: `docker pull --platform linux/${wanted} ${NODE_IMAGE}`,
  });
}

/** How Docker lists an image without a name: one that two sessions built at once, or build right now. */
const UNNAMED = '<none>:<none>';

/** Removes images of earlier contents; Docker keeps those that a container uses. */
async function removeOlder(docker: Dockerode, current: string): Promise<void> {
  const images = await docker.listImages({ filters: { label: [LABEL] } });
  const older = images
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((tag) => tag !== current && tag !== UNNAMED);
  for (const tag of older) {
    await docker
      .getImage(tag)
      .remove()
      .catch((error: { statusCode?: number }) => {
        if (error.statusCode !== 409 && error.statusCode !== 404) throw error; // in use, or gone already
      });
  }
}
