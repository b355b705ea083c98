/** Image names as people write them: [registry/]path[:tag][@digest] (the grammar of distribution/reference). */

export interface ImageReference {
  /** Host of the registry; docker.io where none is written. */
  registry: string;
  /** Path in the registry, with `library/` before official images. */
  path: string;
}

const DEFAULT_REGISTRY = 'docker.io';

/** The repository of an image, without tag and digest. */
export function parseImage(image: string): ImageReference {
  const [name = ''] = image.split('@');
  const slash = name.indexOf('/');
  const head = slash < 0 ? '' : name.slice(0, slash);
  // A first component is a registry where it looks like a host: with a dot, a port, localhost, or not in lower case.
  const isRegistry = /[.:]/.test(head) || head === 'localhost' || head !== head.toLowerCase();
  const registry = !isRegistry || head === 'index.docker.io' ? DEFAULT_REGISTRY : head;
  const rest = (isRegistry ? name.slice(slash + 1) : name).replace(/:[^/:]*$/, '');
  const path = registry === DEFAULT_REGISTRY && !rest.includes('/') ? `library/${rest}` : rest;
  return { registry, path };
}

/** How well two images match: the same repository, the same path elsewhere, only the last component, or not. */
export type ImageMatch = 'repository' | 'path' | 'name' | 'none';

export function matchImages(a: string, b: string): ImageMatch {
  const [left, right] = [parseImage(a), parseImage(b)];
  if (left.path === right.path) return left.registry === right.registry ? 'repository' : 'path';
  return left.path.split('/').at(-1) === right.path.split('/').at(-1) ? 'name' : 'none';
}
