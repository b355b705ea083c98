import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Where what can be made again is kept for the user, across reboots. Undefined for who has no home: none is made.
 * (XDG Base Directory Specification)
 */
export function cacheDirectory(): string | undefined {
  const { XDG_CACHE_HOME: own, HOME: home } = process.env;
  if (own) return join(own, 'tp');
  return home && existsSync(home) ? join(home, '.cache', 'tp') : undefined;
}
