import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where what can be made again is kept for the user, across reboots. (XDG Base Directory Specification) */
export const cacheDirectory = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tp');
