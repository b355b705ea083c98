import { CLI, Tp } from './tp.ts';

/** How tp asks before it ends what may be somebody's. */
const QUESTION = /End it\? \[y\/N\] /;

/**
 * Runs a tp command on a machine at a terminal of its own, and types `answer` once it has asked
 * its question. Gives its exit code and all that stood on the terminal.
 */
export async function answered(
  { machine, env }: { machine: readonly string[]; env: NodeJS.ProcessEnv },
  args: readonly string[],
  answer: string,
): Promise<{ code: number; screen: string }> {
  const line = [...machine, process.execPath, '--', CLI, ...args].map(quoted).join(' ');
  const program = ['script', '--quiet', '--flush', '--return', '--command', line, '/dev/null'];
  // Nobody is asked where neither side of the question is a terminal: `script` makes both.
  await using command = new Tp([], {
    program,
    input: 'pipe',
    env: { ...env, TERM: 'xterm' },
  });
  await command.says(QUESTION);
  command.child.stdin?.write(answer);
  const code = await command.exited;
  return { code, screen: command.stdout };
}

/** As one word for a shell. */
const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
