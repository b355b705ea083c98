import { Argument, Command } from 'commander';
import { CLUSTER_FLAGS, DOCKER_RUN_FLAGS } from '../../src/flags.ts';

/** A program with the commands of tp, as far as completion cares. */
export function program(): Command {
  const tp = new Command('tp');
  const run = tp.command('docker-run').description('run an image');
  for (const option of DOCKER_RUN_FLAGS) run.addOption(option);
  run.option('--from <file>', 'a flag that names a file');
  const leave = tp.command('leave [session...]').option('--all', 'all of them');
  for (const option of CLUSTER_FLAGS) leave.addOption(option);
  tp.command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']));
  return tp;
}
