/**
 * Where the image stands in a `docker run` command line. Docker's client parses the flags themselves; for this one
 * question it is enough to know which of them take no value. A test compares the list with the installed client.
 */

export const BOOLEAN_FLAGS: ReadonlySet<string> = new Set([
  '--detach',
  '--disable-content-trust',
  '--help',
  '--init',
  '--interactive',
  '--no-healthcheck',
  '--oom-kill-disable',
  '--privileged',
  '--publish-all',
  '--quiet',
  '--read-only',
  '--rm',
  '--sig-proxy',
  '--tty',
  '--use-api-socket',
]);

export const BOOLEAN_SHORT_FLAGS = 'diPqt';

export interface RunArguments {
  /** tp's own flags with their values. */
  own: string[];
  /** Docker's flags as they were given. */
  flags: string[];
  image: string | undefined;
  /** The command and its arguments, never touched. */
  command: string[];
}

/** Splits a command line. `ownFlags` says which flags are tp's and whether each takes a value. */
export function splitRunArguments(
  args: readonly string[],
  ownFlags: ReadonlyMap<string, boolean>,
): RunArguments {
  const result: RunArguments = { own: [], flags: [], image: undefined, command: [] };
  let at = 0;
  while (at < args.length) {
    const word = args[at] ?? '';
    const [name = ''] = word.split('=', 1);
    const takesValue = ownFlags.get(name);
    if (word === '--') {
      at++;
      break;
    }
    if (!word.startsWith('-') || word === '-') break;
    const joined = /^(-[^-])=?(.+)$/s.exec(word);
    if (joined?.[1] && joined[2] && ownFlags.get(joined[1])) {
      // -nNAME and -n=NAME, as kubectl takes them too.
      result.own.push(joined[1], joined[2]);
      at++;
      continue;
    }
    const words = takesNext(word, takesValue) ? 2 : 1;
    (takesValue === undefined ? result.flags : result.own).push(...args.slice(at, at + words));
    at += words;
  }
  result.image = args[at];
  result.command = args.slice(at + 1);
  return result;
}

function takesNext(word: string, ownTakesValue: boolean | undefined): boolean {
  if (ownTakesValue !== undefined) return ownTakesValue && !word.includes('=');
  if (word.startsWith('--')) return !word.includes('=') && !BOOLEAN_FLAGS.has(word);
  // Short flags may be written together; the first that takes a value takes the rest, or the next word.
  for (let at = 1; at < word.length; at++) {
    if (!BOOLEAN_SHORT_FLAGS.includes(word.charAt(at))) return at === word.length - 1;
    if (word.charAt(at + 1) === '=') return false;
  }
  return false;
}

/** The value that a long flag was given last; undefined where it was not. */
export function lastValue(flags: readonly string[], name: string): string | undefined {
  const joined = `${name}=`;
  return flags
    .map((word, at) => {
      if (word === name) return flags[at + 1];
      return word.startsWith(joined) ? word.slice(joined.length) : undefined;
    })
    .findLast((value) => value !== undefined);
}

/** The flags without a long one and its values. */
export function withoutValue(flags: readonly string[], name: string): string[] {
  return flags.filter((word, at) => word !== name && flags[at - 1] !== name && !word.startsWith(`${name}=`));
}

/** The names that the user set with `-e` and `--env`, whatever their value. */
export function environmentNames(flags: readonly string[]): string[] {
  const names: string[] = [];
  flags.forEach((word, at) => {
    const long = /^--env(?:=(.*))?$/s.exec(word);
    const short = /^-[diPqt]*e=?(.*)$/s.exec(word);
    const value = long ? (long[1] ?? flags[at + 1]) : short ? short[1] || flags[at + 1] : undefined;
    if (value !== undefined) names.push(value.split('=', 1)[0] ?? '');
  });
  return names;
}
