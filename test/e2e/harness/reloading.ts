import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { docker } from './container.ts';

/** A project whose code is edited while it runs: a copy of programs/reloading. */

export const PROGRAM = `${import.meta.dirname}/../programs/reloading`;
const MODULES = `${import.meta.dirname}/../../../node_modules`;
export const IMAGE = 'examplecom/reloading:dev';
const WORKLOAD = ['--workload', 'deployment/servicename'];

/** How code reaches the running container, by the words of the command line. */
export const KINDS = {
  'bind mount, node --watch': (directory: string) => [
    ...['-v', `${directory}:/app`, ...WORKLOAD, IMAGE],
    ...['node', '--watch', 'server.js'],
  ],
  '--watch': (directory: string) => ['--watch', directory, '-v', `${directory}:/app`, ...WORKLOAD, IMAGE],
  '--sync, a program that reloads': (directory: string) => [
    ...['--sync', `${directory}:/app`, ...WORKLOAD, IMAGE],
    ...['node', 'dev.js'],
  ],
  '--build': (directory: string) => ['--build', directory, ...WORKLOAD, IMAGE],
} as const satisfies Record<string, (directory: string) => string[]>;

export type Kind = keyof typeof KINDS;

export class Project implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** A copy in a directory of its own, and its image. */
  static async make(): Promise<Project> {
    const project = new Project(mkdtempSync(join(tmpdir(), 'tp-e2e-reload-')));
    chmodSync(project.directory, 0o755); // the pod's user is another than ours
    cpSync(PROGRAM, project.directory, { recursive: true });
    for (const name of ['chokidar', 'readdirp']) {
      cpSync(join(MODULES, name), join(project.directory, 'node_modules', name), { recursive: true });
    }
    writeFileSync(join(project.directory, '.gitignore'), 'node_modules/\n');
    await docker('build', '--quiet', '--tag', IMAGE, project.directory);
    return project;
  }

  /** Saves the code as another version. Gives the time (epoch ms). */
  save(version: string): number {
    return this.write('server.js', this.code(version));
  }

  /** Writes a file in place: `node --watch` loses one that is replaced. Gives the time (epoch ms). */
  write(name: string, text: string): number {
    const at = Date.now();
    writeFileSync(join(this.directory, name), text);
    return at;
  }

  code(version: string): string {
    const code = readFileSync(join(PROGRAM, 'server.js'), 'utf8');
    return code.replace("const VERSION = 'first'", `const VERSION = '${version}'`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.directory, { recursive: true });
    await docker('image', 'rm', IMAGE);
  }
}
