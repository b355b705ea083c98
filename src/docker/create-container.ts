import type Dockerode from 'dockerode';

/** What dockerode takes for the two parts of a request, where it would put everything into both. */
interface RequestParts {
  _query: Record<string, string | undefined>;
  _body: object;
}

/**
 * Creates a container. Only its name and platform stand in the request's URL, which daemons and proxies log; values of
 * the environment do not. Throws what the Docker API throws.
 */
export async function createContainer(
  docker: Dockerode,
  { name, platform, ...body }: Dockerode.ContainerCreateOptions,
): Promise<Dockerode.Container> {
  const query = { ...(name ? { name } : {}), ...(platform ? { platform } : {}) };
  const parts: RequestParts = { _query: query, _body: body };
  return await docker.createContainer(parts as unknown as Dockerode.ContainerCreateOptions);
}
