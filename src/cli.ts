import { Argument, Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { OWN_FAILURE } from './error-codes.ts';
import { describeError, Interrupted, TpError } from './errors.ts';
import {
  CLUSTER_FLAGS,
  type ClusterFlags,
  DOCKER_RUN_FLAGS,
  type DockerRunFlags,
  flagNames,
  UP_FLAGS,
} from './flags.ts';
import { HOLD_COMMAND } from './held-process.ts';

/** Every command once. What a command needs is loaded when it runs, so that help is quick. */

const [major = 0] = process.versions.node.split('.').map(Number);

async function dockerRun(args: string[]): Promise<number> {
  const [{ splitRunArguments }, { applySettings, readConfigFile }, { refuseForeignFlags }] =
    await Promise.all([
      import('./docker/run-arguments.ts'),
      import('./config-file.ts'),
      import('./foreign-flags.ts'),
    ]);
  const split = splitRunArguments(args, new Map([...flagNames(DOCKER_RUN_FLAGS), ['--help', false]]));
  const parser = quiet(dockerRunCommand()).name('tp docker-run');
  parser.parse(split.own, { from: 'user' });
  refuseForeignFlags(split.flags);
  const flags = [...applySettings(parser, readConfigFile(process.cwd())), ...split.flags];
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
  const [{ runSession }, { Progress }, { Interrupts }] = await Promise.all([
    import('./session.ts'),
    import('./progress.ts'),
    import('./interrupts.ts'),
  ]);
  const progress = new Progress();
  const interrupts = new Interrupts(() =>
    progress.say('hurrying: nothing is left behind, but what runs is cut off'),
  );
  const request = { own: parser.opts<DockerRunFlags>(), flags, image: split.image, command: split.command };
  try {
    return await runSession(request, progress, interrupts);
  } catch (error) {
    // An interrupted session has been cleaned up by now.
    if (error instanceof Interrupted) return interrupts.exitCode;
    if (!(error instanceof TpError) || error.code !== 'TP_DOCKER_CREATE') throw error;
    const { withNearestFlag } = await import('./near-flags.ts');
    throw withNearestFlag(error, split.flags, flagNames(DOCKER_RUN_FLAGS).keys());
  }
}

function dockerRunCommand(): Command {
  const command = new Command('docker-run')
    .helpOption('--help', 'show this help') // -h is Docker's: the hostname
    .usage('[FLAGS] IMAGE [COMMAND] [ARG...]')
    .description("run an image as if it were its service's pod; FLAGS are these, and all of docker run");
  for (const option of DOCKER_RUN_FLAGS) command.addOption(option);
  return command;
}

async function leave(
  sessions: string[],
  flags: ClusterFlags & { all?: boolean },
  command: Command,
): Promise<void> {
  const [{ leaveCommand }, { Progress }, { applySettings, readConfigFile }] = await Promise.all([
    import('./leave-command.ts'),
    import('./progress.ts'),
    import('./config-file.ts'),
  ]);
  applySettings(command, readConfigFile(process.cwd()));
  await leaveCommand(sessions, { ...flags, ...command.opts() }, new Progress());
}

/** Lets commander throw what it would print and end the process for. */
const quiet = (command: Command): Command => command.exitOverride().configureOutput({ writeErr: () => {} });

function mainCommand(): Command {
  const program = quiet(new Command('tp'))
    .description("run a service's container on a laptop as if it were in the cluster")
    .version(packageJson.version);
  program.addCommand(dockerRunCommand());
  const leaving = program
    .command('leave [session...]')
    .description('undo what sessions left: the named ones, or those of this machine whose process died')
    .option('--all', 'also the running ones of this user and machine')
    .action(leave);
  for (const option of CLUSTER_FLAGS) leaving.addOption(option);
  const holding = program
    .command('up <workload...>')
    .usage('[FLAGS] WORKLOAD... [-- DOCKER-FLAGS]')
    .description('hold sessions in the background, for docker run, Compose and IDEs to join')
    .action(up);
  for (const option of UP_FLAGS) holding.addOption(option);
  const ending = program
    .command('down [name...]')
    .description('end sessions that are held in the background: the named ones, or all of this user')
    .action(down);
  const composing = program
    .command('compose')
    .description('run a Compose project, some of its services as pods of the cluster');
  const generating = composing
    .command('generate [service...]')
    .description('write the override that makes services (SERVICE or SERVICE=KIND/NAME) act as pods')
    .action(composeGenerate);
  const composeUpping = composing
    .command('up [service...]')
    .usage('[FLAGS] [SERVICE...] [-- FLAGS OF docker compose up]')
    .description('write it, open the sessions, and run docker compose up')
    .action(composeUp);
  for (const option of UP_FLAGS) {
    if (option.long === '--container') continue; // x-tp says it, service by service
    generating.addOption(option);
    composeUpping.addOption(option);
  }
  const status = program.command('status').description('list sessions').action(showStatus);
  for (const option of CLUSTER_FLAGS) {
    ending.addOption(option);
    status.addOption(option);
  }
  program
    .command('completion')
    .description('print the script that completes command lines of tp in a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(completion);
  return program;
}

async function up(workloads: string[], _flags: DockerRunFlags, command: Command): Promise<void> {
  const [{ upCommand }, { Progress }, { Interrupts }, { applySettings, readConfigFile }] = await Promise.all([
    import('./up-command.ts'),
    import('./progress.ts'),
    import('./interrupts.ts'),
    import('./config-file.ts'),
  ]);
  const flagsOfFile = applySettings(command, readConfigFile(process.cwd()));
  const { words: named, behind: dockerFlags } = splitAtDashes(workloads);
  const { signal } = new Interrupts(() => {});
  await upCommand(named, command.opts(), [...flagsOfFile, ...dockerFlags], new Progress(), signal);
}

async function down(names: string[], _flags: ClusterFlags, command: Command): Promise<void> {
  const [{ downCommand }, { Progress }, { applySettings, readConfigFile }] = await Promise.all([
    import('./down-command.ts'),
    import('./progress.ts'),
    import('./config-file.ts'),
  ]);
  applySettings(command, readConfigFile(process.cwd()));
  await downCommand(names, command.opts(), new Progress());
}

/** What the commands of Compose have in common: their services, tp's flags, and what is Compose's own behind `--`. */
async function composeArguments(services: string[], command: Command) {
  const [{ Progress }, { applySettings, readConfigFile }] = await Promise.all([
    import('./progress.ts'),
    import('./config-file.ts'),
  ]);
  applySettings(command, readConfigFile(process.cwd()));
  const { words, behind } = splitAtDashes(services);
  return {
    services: words,
    composeFlags: behind,
    own: command.opts<DockerRunFlags>(),
    progress: new Progress(),
  };
}

/** Words behind `--` are another program's; commander counts them among the arguments. */
function splitAtDashes(words: string[]): { words: string[]; behind: string[] } {
  const at = process.argv.indexOf('--');
  const behind = at < 0 ? [] : process.argv.slice(at + 1);
  return { words: words.slice(0, words.length - behind.length), behind };
}

async function composeGenerate(services: string[], _flags: DockerRunFlags, command: Command): Promise<void> {
  const { generateCommand } = await import('./compose/up.ts');
  const { services: named, own, progress } = await composeArguments(services, command);
  await generateCommand(named, own, progress);
}

async function composeUp(services: string[], _flags: DockerRunFlags, command: Command): Promise<void> {
  const [up, { Interrupts }] = await Promise.all([import('./compose/up.ts'), import('./interrupts.ts')]);
  const { services: named, own, composeFlags, progress } = await composeArguments(services, command);
  const interrupts = new Interrupts(() => progress.say('hurrying'));
  try {
    process.exitCode = await up.composeUp(named, own, composeFlags, progress, interrupts);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    process.exitCode = interrupts.exitCode;
  }
}

async function showStatus(_flags: ClusterFlags, command: Command): Promise<void> {
  const [{ statusCommand }, { Progress }, { applySettings, readConfigFile }] = await Promise.all([
    import('./status-command.ts'),
    import('./progress.ts'),
    import('./config-file.ts'),
  ]);
  applySettings(command, readConfigFile(process.cwd()));
  await statusCommand(command.opts(), new Progress());
}

async function completion(shell: string): Promise<void> {
  const { scriptFor } = await import('./completion/script.ts');
  process.stdout.write(scriptFor(shell));
}

async function main(args: string[]): Promise<number> {
  if (major < 24) {
    throw new TpError('TP_NODE', `tp needs Node 24 or newer, this is ${process.version}`, {
      hint: 'https://nodejs.org/en/download',
    });
  }
  const [command] = args;
  // Docker's flags are Docker's to parse: commander only sees our own.
  if (command === 'docker-run') return await dockerRun(args.slice(1));
  const program = mainCommand();
  if (command === undefined) {
    program.outputHelp();
    return 0;
  }
  // Hidden: the scripts call it at every Tab, with words that are not ours to parse.
  if (command === '__complete') {
    const { printCompletions } = await import('./completion/complete.ts');
    await printCompletions(program, args.slice(1));
    return 0;
  }
  if (command === HOLD_COMMAND) return await (await import('./held-process.ts')).runHeld();
  const { refuseForeignCommand } = await import('./foreign-flags.ts');
  refuseForeignCommand(command);
  await program.parseAsync(args, { from: 'user' });
  return Number(process.exitCode ?? 0);
}

/** Commander's complaint as ours. Undefined where it has only shown help or version. */
function complaintOf(error: CommanderError): TpError | undefined {
  if (error.exitCode === 0) return undefined;
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  return new TpError('TP_NO_SUCH_FLAG', message, { hint: 'tp --help; tp docker-run --help', cause: error });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  const error = thrown instanceof CommanderError ? complaintOf(thrown) : thrown;
  if (error !== undefined) {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = error instanceof TpError ? error.exitCode : OWN_FAILURE;
  }
}
// Connections to Docker and the cluster that idle would keep the process for their keep-alive time.
process.exit();
