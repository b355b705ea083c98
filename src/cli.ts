import { Argument, Command } from 'commander';
import { describeError, Interrupted, OWN_FAILURE, TpError } from './errors.ts';
import { CLUSTER_FLAGS, DOCKER_RUN_FLAGS, type DockerRunFlags, flagNames } from './flags.ts';

/** Every command once. What a command needs is loaded when it runs, so that help is quick. */

const [major = 0] = process.versions.node.split('.').map(Number);

async function dockerRun(args: string[]): Promise<number> {
  const { splitRunArguments } = await import('./docker/run-arguments.ts');
  const split = splitRunArguments(args, new Map([...flagNames(DOCKER_RUN_FLAGS), ['--help', false]]));
  const parser = dockerRunCommand();
  parser.parse(split.own, { from: 'user' });
  const own = parser.opts<DockerRunFlags>();
  if (split.image === undefined) {
    throw new TpError('TP_USAGE', 'no image is named', {
      hint: 'tp docker-run [FLAGS] IMAGE [COMMAND] [ARG...]',
    });
  }
  const detached = split.flags.find((word) => /^(-[iPqt]*d|--detach$|--detach=true)/.test(word));
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
  const request = { own, flags: split.flags, image: split.image, command: split.command };
  return await runSession(request, progress, interrupts);
}

function dockerRunCommand(): Command {
  const command = new Command('docker-run')
    .usage('[FLAGS] IMAGE [COMMAND] [ARG...]')
    .description("run an image as if it were its service's pod; FLAGS are these, and all of docker run");
  for (const option of DOCKER_RUN_FLAGS) command.addOption(option);
  return command;
}

async function leave(
  sessions: string[],
  flags: { all?: boolean; namespace?: string; context?: string },
): Promise<void> {
  const [{ leaveCommand }, { Progress }] = await Promise.all([
    import('./leave-command.ts'),
    import('./progress.ts'),
  ]);
  await leaveCommand(sessions, flags, new Progress());
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
  // Docker's flags are Docker's to parse: commander only sees our own.
  if (args[0] === 'docker-run') return await dockerRun(args.slice(1));
  const program = new Command('tp').description(
    "run a service's container on a laptop as if it were in the cluster",
  );
  program.addCommand(dockerRunCommand());
  const leaving = program
    .command('leave [session...]')
    .description('undo what sessions left: the named ones, or those of this machine whose process died')
    .option('--all', 'also the running ones of this user and machine')
    .action(leave);
  for (const option of CLUSTER_FLAGS) leaving.addOption(option);
  program
    .command('completion')
    .description('print the script that completes command lines of tp in a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(completion);
  // Hidden: the scripts call it at every Tab, with words that are not ours to parse.
  if (args[0] === '__complete') {
    const { printCompletions } = await import('./completion/complete.ts');
    await printCompletions(program, args.slice(1));
    return 0;
  }
  await program.parseAsync(args, { from: 'user' });
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // An interrupted session has been cleaned up by now; the code is what a shell gives for SIGINT.
  if (error instanceof Interrupted) process.exitCode = 130;
  else {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = error instanceof TpError ? error.exitCode : OWN_FAILURE;
  }
}
// Connections to Docker and the cluster that idle would keep the process for their keep-alive time.
process.exit();
