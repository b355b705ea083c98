import type { Argument, Command, Option } from 'commander';
import { asText, type Candidate, type Completions, nothing } from './candidate.ts';
import type { AskDocker } from './docker.ts';
import { type Line, readPlainLine, readRunLine } from './line.ts';

/** What is looked up outside of the command line. */
export type Source =
  | 'contexts'
  | 'namespaces'
  | 'workloads'
  | 'containers'
  | 'sidecars'
  | 'services'
  | 'sessions';

/** Looks something up. `chosen` are the values of tp's own flags on the line. */
export type Lister = (source: Source, chosen: Readonly<Record<string, string>>) => Promise<Candidate[]>;

/** Where the values of flags and arguments come from; choices that commander knows need no line here. */
export const SOURCES: ReadonlyMap<string, Source> = new Map([
  ['--context', 'contexts'],
  ['--namespace', 'namespaces'],
  ['--workload', 'workloads'],
  ['--container', 'containers'],
  ['--without-container', 'sidecars'],
  ['--service', 'services'],
  ['session', 'sessions'],
  ['workload', 'workloads'],
]);

/**
 * `tp __complete [--] WORD... CURRENT`: prints what may stand in the place of the last word. Says nothing of errors.
 * The scripts give the "--", without which Node itself would look for the file of an `--env-file` on the line.
 */
export async function printCompletions(program: Command, args: readonly string[]): Promise<void> {
  const words = args[0] === '--' ? args.slice(1) : args;
  // Ctrl-C while a person waits: what was started goes with us, see runQuietly().
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit());
  const lister: Lister = async (...query) => await (await import('./lister.ts')).list(...query);
  const docker: AskDocker = async (...query) => await (await import('./docker.ts')).askDocker(...query);
  try {
    process.stdout.write(asText(await complete(program, words, lister, docker)));
  } catch {
    // Whoever presses Tab has not asked for an error; the command itself will say it.
  }
}

/** What may stand in the place of the last word of a line. The shell picks what begins with that word. */
export async function complete(
  program: Command,
  words: readonly string[],
  list: Lister,
  docker: AskDocker,
): Promise<Completions> {
  const current = words.at(-1) ?? '';
  const [name, ...before] = words.slice(0, -1);
  if (name === undefined) {
    return only(current.startsWith('-') ? flagsOf(program) : commandsOf(program));
  }
  const command = program
    .createHelp()
    .visibleCommands(program)
    .find((each) => each.name() === name);
  if (!command) return nothing;
  // A command of commands: the rest of the line is theirs.
  if (command.commands.length > 0) return await complete(command, words.slice(1), list, docker);
  return name === 'docker-run'
    ? await completeRun(command, readRunLine(command, before, current), current, list, docker)
    : await completePlain(program, command, readPlainLine(command, before, current), list);
}

async function completeRun(
  command: Command,
  { place, chosen, flags }: Line,
  current: string,
  list: Lister,
  docker: AskDocker,
): Promise<Completions> {
  if (place.at === 'not ours') return nothing;
  if (place.at === 'value') return await valuesOf(place.option, place.prefix, chosen, list);
  const { candidates, hints } = await docker(flags, current);
  return { candidates: [...(place.at === 'flag' ? describe(command.options) : []), ...candidates], hints };
}

async function completePlain(
  program: Command,
  command: Command,
  { place, chosen, words }: Line,
  list: Lister,
): Promise<Completions> {
  if (place.at === 'value') return await valuesOf(place.option, place.prefix, chosen, list);
  if (place.at === 'flag') return only(flagsOf(command));
  const declared = command.registeredArguments;
  const last = declared.at(-1);
  const argument = declared[words.length] ?? (last?.variadic ? last : undefined);
  if (!argument) return nothing;
  if (argument.name() === 'command') return only(commandsOf(program));
  const candidates = await listOf(argument, argument.name(), chosen, list);
  return only(candidates.filter(({ word }) => !words.includes(word)));
}

async function valuesOf(
  option: Option,
  prefix: string,
  chosen: Line['chosen'],
  list: Lister,
): Promise<Completions> {
  if (/<file>/.test(option.flags)) return { candidates: [], hints: ['files'] };
  const values = await listOf(option, option.long ?? '', chosen, list);
  return only(values.map(({ word, about }) => ({ word: `${prefix}${word}`, about })));
}

async function listOf(
  { argChoices }: Option | Argument,
  name: string,
  chosen: Line['chosen'],
  list: Lister,
): Promise<Candidate[]> {
  if (argChoices) return argChoices.map((word) => ({ word }));
  const source = SOURCES.get(name);
  return source ? await list(source, chosen) : [];
}

const only = (candidates: Candidate[]): Completions => ({ candidates, hints: [] });

const describe = (options: readonly Option[]): Candidate[] =>
  options.map(({ long, description }) => ({ word: long ?? '', about: description }));

const flagsOf = (command: Command): Candidate[] => describe(command.createHelp().visibleOptions(command));

const commandsOf = (program: Command): Candidate[] =>
  program
    .createHelp()
    .visibleCommands(program)
    .map((command) => ({ word: command.name(), about: command.description() }));
