import type { Command } from 'commander';
import type { DoctorFlags } from './doctor/command.ts';
import type { EnvFlags } from './env-command.ts';
import { Interrupted, TpError } from './errors.ts';
import { DOCKER_RUN_FLAGS, type DockerRunFlags, flagNames } from './flags.ts';
import type { LogsFlags } from './logs-command.ts';

/** What each command does. What it needs is loaded when it runs, so that help is quick. */

/** Where a command works: its flags with what tp.yaml adds to them, Docker's flags of that file, and what it says. */
async function surroundings(command: Command) {
  const [{ Progress }, { applySettings, readConfigFile }] = await Promise.all([
    import('./progress.ts'),
    import('./config-file.ts'),
  ]);
  const dockerFlags = applySettings(command, await readConfigFile(process.cwd()));
  return { own: command.opts<DockerRunFlags>(), dockerFlags, progress: new Progress() };
}

/** `tp docker-run`, whose flags Docker's client parses, but for tp's own. Returns the container's exit code. */
export async function dockerRun(args: readonly string[], parser: Command): Promise<number> {
  const [{ splitRunArguments }, { refuseForeignFlags }] = await Promise.all([
    import('./docker/run-arguments.ts'),
    import('./foreign-flags.ts'),
  ]);
  const split = splitRunArguments(args, new Map([...flagNames(DOCKER_RUN_FLAGS), ['--help', false]]));
  parser.parse(split.own, { from: 'user' });
  refuseForeignFlags(split.flags);
  const { own, dockerFlags, progress } = await surroundings(parser);
  const flags = [...dockerFlags, ...split.flags];
  if (split.image === undefined) {
    throw new TpError('TP_USAGE', 'no image is named', {
      hint: 'tp docker-run [FLAGS] IMAGE [COMMAND] [ARG...]',
    });
  }
  const detached = flags.find((word) => /^(-[iPqt]*d|--detach$|--detach=true)/.test(word));
  if (detached) {
    throw new TpError('TP_DETACHED', `${detached}: the session lives as long as this command`, {
      hint: `leave ${detached} out, and put the whole command into the background`,
    });
  }
  const [{ runSession }, { Interrupts }] = await Promise.all([
    import('./session.ts'),
    import('./interrupts.ts'),
  ]);
  const interrupts = new Interrupts(() =>
    progress.say('hurrying: nothing is left behind, but what runs is cut off'),
  );
  try {
    return await runSession({ own, flags, image: split.image, command: split.command }, progress, interrupts);
  } catch (error) {
    // An interrupted session has been cleaned up by now.
    if (error instanceof Interrupted) return interrupts.exitCode;
    if (!(error instanceof TpError) || error.code !== 'TP_DOCKER_CREATE') throw error;
    const { withNearestFlag } = await import('./near-flags.ts');
    throw withNearestFlag(error, split.flags, flagNames(DOCKER_RUN_FLAGS).keys());
  }
}

export async function leave(sessions: string[], _flags: unknown, command: Command): Promise<void> {
  const { leaveCommand } = await import('./leave-command.ts');
  const { progress } = await surroundings(command);
  await leaveCommand(sessions, command.opts(), progress);
}

export async function up(words: string[], _flags: unknown, command: Command): Promise<void> {
  const [{ upCommand }, { Interrupts }] = await Promise.all([
    import('./up-command.ts'),
    import('./interrupts.ts'),
  ]);
  const { own, dockerFlags, progress } = await surroundings(command);
  const { before, behind } = splitAtDashes(words);
  const { signal } = new Interrupts(() => {});
  await upCommand(before, own, [...dockerFlags, ...behind], progress, signal);
}

export async function down(names: string[], _flags: unknown, command: Command): Promise<void> {
  const { downCommand } = await import('./down-command.ts');
  const { own, progress } = await surroundings(command);
  await downCommand(names, own, progress);
}

export async function status(_flags: unknown, command: Command): Promise<void> {
  const { statusCommand } = await import('./status-command.ts');
  const { progress } = await surroundings(command);
  await statusCommand(command.opts(), progress);
}

export async function logs(session: string | undefined, flags: LogsFlags, command: Command): Promise<void> {
  const [{ logsCommand }, { Interrupts }] = await Promise.all([
    import('./logs-command.ts'),
    import('./interrupts.ts'),
  ]);
  const { own, progress } = await surroundings(command);
  await logsCommand(session, { ...flags, ...own }, progress, new Interrupts(() => {}).signal);
}

export async function env(target: string | undefined, _flags: unknown, command: Command): Promise<void> {
  const [{ envCommand }, { Interrupts }] = await Promise.all([
    import('./env-command.ts'),
    import('./interrupts.ts'),
  ]);
  const { progress } = await surroundings(command);
  await envCommand(target, command.opts<EnvFlags>(), progress, new Interrupts(() => {}));
}

export async function doctor(_flags: unknown, command: Command): Promise<void> {
  const [{ doctorCommand }, { Progress }, { applySettings, readConfigFile }] = await Promise.all([
    import('./doctor/command.ts'),
    import('./progress.ts'),
    import('./config-file.ts'),
  ]);
  const source = {
    async settle() {
      const settings = await readConfigFile(process.cwd());
      applySettings(command, settings);
      return settings;
    },
    flags: () => command.opts<DoctorFlags>(),
  };
  process.exitCode = await doctorCommand(source, new Progress());
}

export async function composeGenerate(words: string[], _flags: unknown, command: Command): Promise<void> {
  const { generateCommand } = await import('./compose/up.ts');
  const { own, progress } = await surroundings(command);
  await generateCommand(words, own, progress);
}

export async function composeUp(words: string[], _flags: unknown, command: Command): Promise<void> {
  const [{ composeUp: run }, { Interrupts }] = await Promise.all([
    import('./compose/up.ts'),
    import('./interrupts.ts'),
  ]);
  const { own, progress } = await surroundings(command);
  const { before, behind } = splitAtDashes(words);
  const interrupts = new Interrupts(() => progress.say('hurrying'));
  process.exitCode = await run(before, own, behind, progress, interrupts);
}

export async function rbac({ replace }: { replace?: boolean }): Promise<void> {
  const { REPLACE_RIGHTS, RIGHTS, roleManifest, STRAIGHT_RIGHTS } = await import('./cluster/role.ts');
  const rights = [...RIGHTS, ...STRAIGHT_RIGHTS, ...(replace ? REPLACE_RIGHTS : [])];
  process.stdout.write(roleManifest(rights));
}

export async function completion(shell: string): Promise<void> {
  const { scriptFor } = await import('./completion/script.ts');
  process.stdout.write(scriptFor(shell));
}

/** Words behind `--` are another program's; commander counts them among the arguments. */
function splitAtDashes(words: string[]): { before: string[]; behind: string[] } {
  const at = process.argv.indexOf('--');
  const behind = at < 0 ? [] : process.argv.slice(at + 1);
  return { before: words.slice(0, words.length - behind.length), behind };
}
