import type { Option } from 'commander';
import { DOCKER_RUN_FLAGS, MAX_SECONDS } from './flags.ts';

/** The schema of tp.yaml, made from the declaration of the flags. JSON Schema, draft 2020-12. */

/** Flags that are of one run, not of a team. */
const NOT_IN_FILE: ReadonlySet<string> = new Set(['dry-run', 'output', 'kubeconfig', 'evict']);

/** Flags of `docker run` that a team would type every time, as words of a command line. */
export const DOCKER_FLAGS_KEY = 'docker-flags';

interface Property {
  description: string;
  type: 'boolean' | 'string' | 'number' | 'array';
  items?: { type: 'string' };
  minimum?: number;
  maximum?: number;
}

/** The key of a flag in tp.yaml: its long name; a flag that says no is the other's `false`. */
export const keyOf = (option: Option): string => (option.long ?? '').replace(/^--(no-)?/, '');

function propertyOf(option: Option): Property {
  const { description } = option;
  if (Array.isArray(option.defaultValue)) return { description, type: 'array', items: { type: 'string' } };
  if (typeof option.defaultValue === 'number')
    return { description, type: 'number', minimum: 0, maximum: MAX_SECONDS };
  return { description, type: option.required ? 'string' : 'boolean' };
}

function properties(): Record<string, object> {
  const found: Record<string, object> = {};
  for (const option of DOCKER_RUN_FLAGS) {
    const key = keyOf(option);
    if (NOT_IN_FILE.has(key)) continue;
    const known = found[key] as Property | undefined;
    // --workload NAME and --no-workload are one key, which may be false.
    if (known) found[key] = { ...known, type: [known.type, 'boolean'] };
    else found[key] = propertyOf(option);
  }
  const description = "flags of docker run, as words: they come before the command line's";
  return { ...found, [DOCKER_FLAGS_KEY]: { description, type: 'array', items: { type: 'string' } } };
}

export const CONFIG_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: "tp.yaml: what a team would type every time after `tp docker-run`; the command line's flags win",
  type: 'object',
  additionalProperties: false,
  properties: properties(),
} as const;
