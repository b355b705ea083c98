import type Dockerode from 'dockerode';
import { TpError } from '../errors.ts';
import { failureOf } from './client-command.ts';
import { imageExists } from './network-image.ts';

/** The repository's name in a cluster's registry. */
const REPOSITORY = 'tp-proxy';

/** An image that is to be brought to a registry. */
export interface PushedImage {
  /** As Docker here has it. */
  source: string;
  /** As it is pushed; named by its content, so that it is the same for ever. */
  target: string;
  /** As the nodes pull it. */
  pulled: string;
}

/** Decides under which name an image is pushed. Pulls it first where Docker does not have it. Throws TpError. */
export async function planPush(
  docker: Dockerode,
  source: string,
  registry: { host: string; hostFromRuntime: string },
): Promise<PushedImage> {
  if (!(await imageExists(docker, source))) await client('pulling', source, ['pull', '--quiet', source]);
  const { Id } = await docker.getImage(source).inspect();
  const name = `${REPOSITORY}:${Id.replace('sha256:', '').slice(0, 12)}`;
  return { source, target: `${registry.host}/${name}`, pulled: `${registry.hostFromRuntime}/${name}` };
}

/** Pushes it with the logins of Docker's client; the name that it gets for that is taken away again. Throws TpError. */
export async function pushImage(docker: Dockerode, { source, target }: PushedImage): Promise<void> {
  const [, repo = '', tag = ''] = /^(.*):([^:]*)$/.exec(target) ?? [];
  await docker.getImage(source).tag({ repo, tag });
  try {
    await client('pushing', target, ['push', '--quiet', target]);
  } finally {
    await docker.getImage(target).remove({ noprune: true });
  }
}

async function client(what: string, image: string, args: string[]): Promise<void> {
  const why = await failureOf(args);
  if (why === undefined) return;
  const [host] = image.split('/');
  throw new TpError('TP_PUSH', `${what} ${image}: ${why}`, { hint: `docker login ${host}` });
}
