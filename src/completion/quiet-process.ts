import { spawn } from 'node:child_process';

/**
 * Runs a program that can ask nobody: it has no input and no terminal, and what it says to stderr is dropped. Gives its
 * stdout, or undefined where it fails. It ends with this process, whatever it waits for.
 */
export function runQuietly(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    // Detached means a session of its own: without that, it could open /dev/tty and ask for a password there.
    const child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    const end = () => {
      try {
        if (child.pid) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // it has gone meanwhile
      }
    };
    process.once('exit', end);
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => {
      process.off('exit', end);
      resolve(code === 0 ? Buffer.concat(output).toString('utf8') : undefined);
    });
  });
}
