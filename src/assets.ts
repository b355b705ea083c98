import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where the built parts lie: beside the bundled CLI, or in dist/ of a checkout. */
export const ASSETS = existsSync(join(import.meta.dirname, 'proxy.mjs'))
  ? import.meta.dirname
  : join(import.meta.dirname, '..', 'dist');

export const NETWORK_ASSETS = join(ASSETS, 'network');
export const PROXY_ASSET = join(ASSETS, 'proxy.mjs');
export const COMPOSE_TEMPLATES = join(ASSETS, '..', 'compose-templates');

export const GUARDIAN_ASSET = join(ASSETS, 'guardian.mjs');
/** The base of the network image and the image that the proxy runs on: the official slim image of the pinned line. */
export const NODE_IMAGE = 'node:24-slim';
