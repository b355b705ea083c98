import { homedir } from 'node:os';
import type { Command, Option } from 'commander';
import { splitRunArguments } from '../docker/run-arguments.ts';
import { flagNames } from '../flags.ts';

/** What the cursor stands on: the value of a flag of tp, another flag, a word of its own, or what is not ours. */
export type Place =
  | { at: 'value'; option: Option; prefix: string }
  | { at: 'flag' | 'word' | "Docker's value" | 'not ours' };

/** A command's line up to the cursor, read as the command will read it. */
export interface Line {
  place: Place;
  /** Values of tp's own flags, by the name under which commander gives them. */
  chosen: Record<string, string>;
  /** Docker's flags, as they are written. */
  flags: string[];
  /** Words that are neither flags nor their values. */
  words: string[];
}

/** Stands for the word at the cursor in what is split; no argument of a process has a NUL in it. */
const CURSOR = '\0';

/** Reads a line of `docker-run`: all behind the image is the container's. */
export function readRunLine(command: Command, before: readonly string[], current: string): Line {
  const names = flagNames(command.options);
  const { own, flags, command: rest } = splitRunArguments([...before, CURSOR], names);
  const chosen = valuesOf(own, command.options);
  const line = { chosen, flags: flags.filter((word) => word !== CURSOR), words: [] };
  if (flags.at(-1) === CURSOR) return { ...line, place: { at: "Docker's value" } };
  // Behind "--" a word with a dash is an image, or would be if images could be called so.
  const dashes = splitRunArguments([...before, '--help'], names).image !== undefined;
  if (rest.length > 0 || (dashes && current.startsWith('-'))) return { ...line, place: { at: 'not ours' } };
  const place = placeOf(own, current, command.options);
  const ofDocker = place.at === 'flag' && current.includes('=');
  return { ...line, place: ofDocker ? { at: "Docker's value" } : place };
}

/** Reads a line of any other command: flags and words may be mixed. */
export function readPlainLine(command: Command, before: readonly string[], current: string): Line {
  const own: string[] = [];
  const words: string[] = [];
  for (let rest = [...before, CURSOR]; rest.length > 0; ) {
    const split = splitRunArguments(rest, flagNames(command.options));
    own.push(...split.own);
    if (split.image !== undefined && split.image !== CURSOR) words.push(split.image);
    rest = split.command;
  }
  const place = placeOf(own, current, command.options);
  return { place, chosen: valuesOf(own, command.options), flags: [], words };
}

function placeOf(own: readonly string[], current: string, options: readonly Option[]): Place {
  const waiting = own.at(-1) === CURSOR && optionOf(own.at(-2) ?? '', options);
  if (waiting) return { at: 'value', option: waiting, prefix: '' };
  // --flag=VALUE, -fVALUE and -f=VALUE
  const [, prefix = '', name = ''] = /^((--[^=]+)=|(-[^-])=?)/.exec(current) ?? [];
  const option = optionOf(name || prefix.slice(0, 2), options);
  const joined = option?.required && (name !== '' || current.length > 2);
  if (joined) return { at: 'value', option, prefix };
  return { at: current.startsWith('-') ? 'flag' : 'word' };
}

const optionOf = (name: string, options: readonly Option[]): Option | undefined =>
  options.find(({ short, long }) => name !== '' && (name === short || name === long));

/** The last value of each flag that takes one. No shell has put the home directory for "~" so far. */
function valuesOf(own: readonly string[], options: readonly Option[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (let at = 0; at < own.length; at++) {
    const word = own[at] ?? '';
    const [name = ''] = word.split('=', 1);
    const option = optionOf(name, options);
    if (!option?.required) continue;
    const value = word === name ? own[++at] : word.slice(name.length + 1);
    if (value !== undefined && value !== CURSOR)
      values[option.attributeName()] = value.replace(/^~(?=\/)/, homedir());
  }
  return values;
}
