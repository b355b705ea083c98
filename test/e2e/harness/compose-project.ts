import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { docker, inContainer } from './container.ts';

const run = promisify(execFile);

/** A Compose project in a directory of its own, as a person works with it. */
export class ComposeProject implements AsyncDisposable {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  #name: string | undefined;

  /** Copies what `from` holds. What Docker's client writes for builds goes with the project. */
  constructor(from: string, env: Readonly<Record<string, string>> = {}) {
    const home = mkdtempSync(join(tmpdir(), 'tp-e2e-compose-'));
    this.directory = join(home, 'project');
    cpSync(from, this.directory, { recursive: true });
    const DOCKER_CONFIG = join(home, 'docker');
    mkdirSync(join(DOCKER_CONFIG, 'cli-plugins'), { recursive: true });
    // Another Compose than the machine's, to be tried with the same projects.
    const { TP_TEST_COMPOSE: other } = process.env;
    if (other) symlinkSync(resolve(other), join(DOCKER_CONFIG, 'cli-plugins/docker-compose'));
    this.env = { ...process.env, DOCKER_CONFIG, ...env };
  }

  /** Runs `docker compose` in the directory; gives its stdout. Throws with its stderr. */
  async compose(...args: string[]): Promise<string> {
    const { stdout } = await run('docker', ['compose', ...args], { cwd: this.directory, env: this.env });
    return stdout;
  }

  /** From now on Compose takes these files, as a person has it do. */
  take(files: string): void {
    this.env.COMPOSE_FILE = files;
  }

  /** The project's name, which is asked for once: a file that changes does not change it. */
  async name(): Promise<string> {
    this.#name ??= (JSON.parse(await this.compose('config', '--format', 'json')) as { name: string }).name;
    return this.#name;
  }

  /** The id of a service's running container; empty where there is none. */
  async idOf(service: string): Promise<string> {
    return await this.#list('{{.ID}}', `label=com.docker.compose.service=${service}`);
  }

  /** The services that have a running container. */
  async running(): Promise<string[]> {
    const services = (await this.#list('{{.Label "com.docker.compose.service"}}')).split('\n');
    return [...new Set(services)].sort();
  }

  /** Runs a script with Node in a service's container; gives what it wrote. Throws when it fails. */
  async node(service: string, script: string): Promise<string> {
    const [id = ''] = (await this.idOf(service)).split('\n');
    return await inContainer(id, script);
  }

  /** What a service gets when it asks `url`. Throws when there is no answer. */
  async ask(service: string, url: string): Promise<string> {
    const script = `process.stdout.write(await (await fetch('${url}', { signal: AbortSignal.timeout(5_000) })).text());`;
    return await this.node(service, script);
  }

  async #list(format: string, ...filters: string[]): Promise<string> {
    const all = [`label=com.docker.compose.project=${await this.name()}`, ...filters];
    return (await docker('ps', ...all.flatMap((each) => ['--filter', each]), '--format', format)).trim();
  }

  /** As a person ends a project, with the images that were built. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!existsSync(this.directory)) return;
    await this.compose('--profile', '*', 'down', '--volumes', '--rmi', 'local', '--timeout', '0');
    rmSync(join(this.directory, '..'), { recursive: true });
  }
}
