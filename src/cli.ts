import nodeModule from 'node:module';
import { CommanderError } from 'commander';
import { dockerRun } from './actions.ts';
import { cacheDirectory } from './cache-directory.ts';
import { OWN_FAILURE } from './error-codes.ts';
import { describeError, Interrupted, TpError } from './errors.ts';
import { HOLD_COMMAND } from './held-process.ts';
import { INTERRUPTED } from './interrupts.ts';
import { dockerRunCommand, mainCommand } from './program.ts';

/** The program: one command line becomes an exit code, and errors what a person can use. */

// What is loaded from here on, most of it, is compiled once only: a quarter of the time to a plan.
const cache = cacheDirectory();
if (cache !== undefined) nodeModule.enableCompileCache?.(cache); // a Node that has none is told below that it is too old

const [major = 0] = process.versions.node.split('.').map(Number);

async function main(args: readonly string[]): Promise<number> {
  if (major < 24) {
    throw new TpError('TP_NODE', `tp needs Node 24 or newer, this is ${process.version}`, {
      hint: 'https://nodejs.org/en/download',
    });
  }
  const [command, ...rest] = args;
  // Docker's flags are Docker's to parse: commander only sees our own.
  if (command === 'docker-run') return await dockerRun(rest, dockerRunCommand());
  const program = mainCommand();
  if (command === undefined) {
    program.outputHelp();
    return 0;
  }
  // Hidden: the scripts call it at every Tab, with words that are not ours to parse.
  if (command === '__complete') {
    const { printCompletions } = await import('./completion/complete.ts');
    await printCompletions(program, rest);
    return 0;
  }
  if (command === HOLD_COMMAND) return await (await import('./held-process.ts')).runHeld();
  const { refuseForeignCommand } = await import('./foreign-flags.ts');
  refuseForeignCommand(command);
  await program.parseAsync([...args], { from: 'user' });
  return Number(process.exitCode ?? 0);
}

/** Tells what went wrong, where something did. Returns the exit code. */
function tell(thrown: unknown): number {
  if (thrown instanceof Interrupted) return INTERRUPTED; // what was begun has been undone by now
  const error = thrown instanceof CommanderError ? complaintOf(thrown) : thrown;
  if (error === undefined) return 0;
  process.stderr.write(`${describeError(error)}\n`);
  return error instanceof TpError ? error.exitCode : OWN_FAILURE;
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
  process.exitCode = tell(thrown);
}
// Connections to Docker and the cluster that idle would keep the process for their keep-alive time.
process.exit();
