import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { kubectlArguments } from '../test/e2e/harness/cluster.ts';
import { bundle } from './bundle.ts';
import type { Task } from './task.ts';

/** The same client for every place: only how Node is started there differs. */

const BUNDLE = Buffer.from(await bundle('client/main.ts')).toString('base64');
const SCRIPT = `await import('data:text/javascript;base64,${BUNDLE}');`;

/** A place with Node: the command line that starts a program there, with stdin and stdout. */
export type Place = readonly [program: string, ...args: string[]];

export const onHost: Place = ['env'];

export const inContainer = (name: string): Place => ['docker', 'exec', '-i', name];

export function inPod(name: string): Place {
  const [program, prefix] = kubectlArguments;
  return [program, ...prefix, 'exec', '-i', name, '--'];
}

/** How docker exec, kubectl exec and a shell tell that the client killed itself, which it does after its result. */
const KILLED = 137;

/**
 * Runs the client to its end; gives what it printed last. Every line goes to `onLine` when it comes. The client's stdin
 * stays open until then: when this process dies, be it in a pod or elsewhere, the client ends too.
 */
export async function runClient<T>(
  [program, ...args]: Place,
  task: Task,
  onLine: (line: string) => void = () => {},
): Promise<T> {
  const node = ['node', '--input-type=module', '-e', SCRIPT, '--', JSON.stringify(task)];
  const child = spawn(program, [...args, ...node], { stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve(signal === 'SIGKILL' ? KILLED : code));
  });
  let last = '';
  createInterface(child.stdout).on('line', (line) => {
    last = line;
    onLine(line);
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString('utf8');
  });
  const code = await closed;
  if (code === KILLED && last.startsWith('{')) return JSON.parse(last) as T;
  throw new Error(`${program} ${args.join(' ')}: ${JSON.stringify(task)}: exit ${code}\n${errors}`);
}
