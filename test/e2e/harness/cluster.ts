import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The cluster that tests, demo and bench use: the embedded one, or the one that TP_TEST_KUBECONFIG names. */

const run = promisify(execFile);
const ROOT = `${import.meta.dirname}/../../..`;
const SCRIPT = `${ROOT}/test/cluster/cluster`;
const EMBEDDED_KUBECONFIG = '/var/lib/tpcluster/kubeconfig';

/** The context of kubeconfigs that tests write. */
export const TEST_CONTEXT = 'reach';

/** Output of a command that is kept (bytes): a namespace as JSON. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export const embedded = process.env.TP_TEST_KUBECONFIG === undefined;
export const kubeconfig = process.env.TP_TEST_KUBECONFIG ?? EMBEDDED_KUBECONFIG;

/** How kubectl is run on the test cluster: the program, and what comes before its arguments. */
export const kubectlArguments: readonly [string, readonly string[]] = embedded
  ? [SCRIPT, ['kubectl']]
  : ['kubectl', ['--kubeconfig', kubeconfig]];

const [kubectlProgram, kubectlPrefix] = kubectlArguments;

/** Runs kubectl on the test cluster; gives its stdout. Throws with its stderr. */
export async function kubectl(...args: string[]): Promise<string> {
  const { stdout } = await run(kubectlProgram, [...kubectlPrefix, ...args], { maxBuffer: MAX_OUTPUT_BYTES });
  return stdout;
}

export const kubectlJson = async <T>(...args: string[]): Promise<T> =>
  JSON.parse(await kubectl(...args, '-o', 'json')) as T;

/** Applies a manifest given as text. */
export async function apply(manifest: string): Promise<void> {
  await withInput(kubectlProgram, [...kubectlPrefix, 'apply', '-f', '-'], manifest);
}

/** Runs a script with Node in the frontend's pod; gives its stdout. Throws when it exits with another code than 0. */
export async function inCluster(script: string, ...args: string[]): Promise<string> {
  const exec = ['exec', '-i', 'deploy/frontend', '--', 'node', '--input-type=module', '-', ...args];
  return await withInput(kubectlProgram, [...kubectlPrefix, ...exec], script);
}

/** The answer of a Service, as someone in the cluster gets it. Throws when there is none in `ms`. */
export async function callService(url: string, ms = 5_000): Promise<string> {
  const script = `
    const response = await fetch(process.argv[2], { signal: AbortSignal.timeout(${ms}) });
    process.stdout.write(await response.text());
    process.exit(response.ok ? 0 : 1);`;
  return await inCluster(script, url);
}

/** Runs a program with text or bytes on its stdin; gives its stdout. Throws with its stderr. */
export async function withInput(
  program: string,
  args: string[],
  input: string | Uint8Array,
): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => {}); // it ended without reading all: its code says why
  child.stdin.end(input);
  const code = await new Promise((resolve) => child.on('close', resolve));
  const stdout = Buffer.concat(out).toString('utf8');
  if (code === 0) return stdout;
  throw new Error(
    `${program} ${args.join(' ')}: exit ${code}\n${stdout}\n${Buffer.concat(err).toString('utf8')}`,
  );
}

/** Runs one of the project's scripts with its output shown. Throws when it fails. */
export async function show(program: string, ...args: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], cwd: ROOT });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${code}`);
}

/** Brings up the cluster, Docker Compose, the cloud database and the example, and builds tp. What is there stays. */
export async function prepare(): Promise<void> {
  if (embedded) {
    await show(SCRIPT, 'up');
    await show('test/cluster/compose-plugin', 'up');
    await show('test/cluster/cloud-database', 'up');
  }
  await show('examples/servicename/deploy');
  await show('node', 'build.ts');
  await undoKilledRun();
}

/** Says on stderr what of the cluster does not work now: many tests that fail may have one reason, which is none of them. */
export async function tellState(): Promise<void> {
  const resolved = async () => {
    const script = `console.log(await (await import('node:dns/promises')).resolve4('servicename.default.svc.cluster.local'))`;
    console.error(`a pod resolves servicename: ${await inCluster(script)}`);
  };
  const checks = embedded ? [() => show(SCRIPT, 'status'), resolved] : [resolved];
  for (const check of checks) await check().catch((error: Error) => console.error(error.message));
}

/** What a run that was killed has left would end in the midst of a test, and be found missing after it. */
async function undoKilledRun(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tp-prepare-'));
  try {
    // Its sessions are undone by the context that they were begun with, which may be one that a test made.
    const both = join(folder, 'kubeconfig');
    const view = ['config', 'view', '--kubeconfig', kubeconfig, '--raw', '--minify', '--flatten'];
    const config = await kubectlJson<{ contexts: { name: string; context: object }[] }>(...view);
    const made = config.contexts.map(({ context }) => ({ name: TEST_CONTEXT, context }));
    config.contexts.push(...made);
    await writeFile(both, JSON.stringify(config), { mode: 0o600 });
    await show('node', 'dist/tp.mjs', 'leave', '--all', '--kubeconfig', both);
  } finally {
    await rm(folder, { recursive: true });
  }
  const { items } = await kubectlJson<{ items: { metadata: { name: string } }[] }>('get', 'namespaces');
  const left = items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('tp-e2e-'));
  if (left.length > 0) await kubectl('delete', 'namespace', ...left);
}
