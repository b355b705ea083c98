import { stringify } from 'yaml';
import type { Settings } from '../config-file.ts';
import { DOCKER_FLAGS_KEY } from '../config-schema.ts';

/**
 * tp.yaml as it may be passed on: of Docker's flags only their names, for the rest may be anything, such as a variable's
 * value or a header of a health check.
 */
export function settingsText(settings: Settings): string {
  const words = settings[DOCKER_FLAGS_KEY];
  if (!Array.isArray(words)) return stringify(settings);
  return stringify({ ...settings, [DOCKER_FLAGS_KEY]: words.map((word) => nameOf(String(word))) });
}

function nameOf(word: string): string {
  if (word.startsWith('--')) return word.split('=', 1)[0] ?? '';
  return word.startsWith('-') ? word.slice(0, 2) : '[removed]';
}
