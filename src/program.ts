import { Argument, Command, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import * as actions from './actions.ts';
import { ENVIRONMENT_FORMATS } from './environment-text.ts';
import { CLUSTER_FLAGS, DOCKER_RUN_FLAGS, DOCTOR_FLAGS, ENV_FLAGS, UP_FLAGS } from './flags.ts';

/** Every command once: parser, help and completion are made from this. */

/** Lets commander throw what it would print and end the process for. */
const quiet = (command: Command): Command => command.exitOverride().configureOutput({ writeErr: () => {} });

function withFlags(command: Command, flags: readonly Option[]): Command {
  for (const option of flags) command.addOption(option);
  return command;
}

/** `tp docker-run`, for itself: the words that it is given are tp's own only. */
export const dockerRunCommand = (): Command => quiet(dockerRunDeclared()).name('tp docker-run');

function dockerRunDeclared(): Command {
  const command = new Command('docker-run')
    .helpOption('--help', 'show this help') // -h is Docker's: the hostname
    .usage('[FLAGS] IMAGE [COMMAND] [ARG...]')
    .description("run an image as if it were its service's pod; FLAGS are these, and all of docker run");
  return withFlags(command, DOCKER_RUN_FLAGS);
}

/** All of tp. */
export function mainCommand(): Command {
  const program = quiet(new Command('tp'))
    .description("run a service's container on a laptop as if it were in the cluster")
    .version(packageJson.version);
  program.addCommand(dockerRunDeclared());
  withFlags(program.command('up <workload...>'), UP_FLAGS)
    .usage('[FLAGS] WORKLOAD... [-- DOCKER-FLAGS]')
    .description('hold sessions in the background, for docker run, Compose and IDEs to join')
    .action(actions.up);
  withFlags(program.command('down [name...]'), CLUSTER_FLAGS)
    .description('end sessions that are held in the background: the named ones, or all of this user')
    .action(actions.down);
  declareCompose(program);
  withFlags(program.command('status'), CLUSTER_FLAGS)
    .description('show the sessions of this machine')
    .option('--all', "also the namespace's others, whoever started them")
    .addOption(new Option('-o, --output <format>', 'for scripts').choices(['json']))
    .action(actions.status);
  withFlags(program.command('leave [session...]'), CLUSTER_FLAGS)
    .description('undo what sessions left: the named ones, or those of this machine whose process died')
    .option('--all', 'also the running ones of this user and machine')
    .option('-y, --yes', "end another user's or machine's running session without asking")
    .action(actions.leave);
  withFlags(program.command('logs [session]'), CLUSTER_FLAGS)
    .description('show what agent and proxy of a session have said, also after it died')
    .option('-f, --follow', 'go on until the session ends')
    .addOption(new Option('--part <part>', 'only this part').choices(['agent', 'proxy']))
    .action(actions.logs);
  withFlags(program.command('env [session]'), ENV_FLAGS)
    .usage('[FLAGS] [SESSION | KIND/NAME]')
    .description("print the pod's variables: of a session, or of a workload without taking its traffic")
    .addOption(
      new Option('--format <format>', 'how to write them').choices(ENVIRONMENT_FORMATS).default('dotenv'),
    )
    .action(actions.env);
  withFlags(program.command('doctor'), DOCTOR_FLAGS)
    .description('look for what is in the way of a session here, and say what to do about it')
    .option('--bundle [file]', 'also write it all into an archive to pass on, with secrets removed')
    .addOption(new Option('-o, --output <format>', 'for scripts').choices(['json']))
    .action(actions.doctor);
  program
    .command('rbac')
    .description('print the Role that a session needs in its namespace, for kubectl apply')
    .option('--replace', 'with what a session with --replace needs besides')
    .action(actions.rbac);
  program
    .command('completion')
    .description('print the script that completes command lines of tp in a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(actions.completion);
  return program;
}

function declareCompose(program: Command): void {
  const composing = program
    .command('compose')
    .description('run a Compose project, some of its services as pods of the cluster');
  // x-tp names the container, service by service.
  const flags = UP_FLAGS.filter(({ long }) => long !== '--container');
  withFlags(composing.command('generate [service...]'), flags)
    .description('write the override that makes services (SERVICE or SERVICE=KIND/NAME) act as pods')
    .action(actions.composeGenerate);
  withFlags(composing.command('up [service...]'), flags)
    .usage('[FLAGS] [SERVICE...] [-- FLAGS OF docker compose up]')
    .description('write it, open the sessions, and run docker compose up')
    .action(actions.composeUp);
}
