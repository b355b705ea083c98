import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the scripts lie: beside the bundled CLI, or beside this module. */
const BUNDLED = join(import.meta.dirname, 'completion');
const SCRIPTS = existsSync(BUNDLED) ? BUNDLED : join(import.meta.dirname, 'scripts');

/** The script that completes command lines of tp in this shell. It only asks `tp __complete`. */
export const scriptFor = (shell: string): string => readFileSync(join(SCRIPTS, `tp.${shell}`), 'utf8');
