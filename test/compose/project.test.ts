import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type ComposeProject, readProject } from '../../src/compose/project.ts';
import { TpError } from '../../src/errors.ts';

const { PATH } = process.env;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tp-project-'));
  const programs = join(directory, 'programs');
  mkdirSync(programs);
  // Stands for Docker's client, whose Compose resolves every project to this.
  writeFileSync(join(programs, 'docker'), '#!/bin/sh\necho "{name: shop, services: {web: {}}}"\n', {
    mode: 0o755,
  });
  process.env.PATH = `${programs}:${PATH}`;
});
afterEach(() => {
  process.env.PATH = PATH;
  rmSync(directory, { recursive: true });
});

const write = (...names: string[]) => {
  for (const name of names) writeFileSync(join(directory, name), 'services: {}\n');
};
const read = (env: NodeJS.ProcessEnv = {}, isOurs: (path: string) => boolean = () => false) =>
  readProject(directory, env, isOurs);
const filesOf = ({ files }: ComposeProject) => files.map((path) => relative(directory, path));

describe('the files of a project', () => {
  it('are those that Compose finds, the override among them', async () => {
    write('compose.yaml', 'docker-compose.yml', 'compose.override.yml');
    const project = await read();
    assert.deepEqual(filesOf(project), ['compose.yaml', 'compose.override.yml']);
    assert.equal(project.named, false);
  });

  it('are without the one that tp wrote', async () => {
    write('compose.yaml', 'docker-compose.override.yml');
    assert.deepEqual(filesOf(await read({}, (path) => path.endsWith('override.yml'))), ['compose.yaml']);
  });

  it('are those that COMPOSE_FILE names', async () => {
    const project = await read({ COMPOSE_FILE: ['a.yaml', 'deploy/b.yaml'].join(delimiter) });
    assert.deepEqual(filesOf(project), ['a.yaml', 'deploy/b.yaml']);
    assert.equal(project.named, true);
  });

  it('are those that it names in .env, unless the shell says otherwise', async () => {
    writeFileSync(join(directory, '.env'), 'COMPOSE_PATH_SEPARATOR=","\nCOMPOSE_FILE=a.yaml,b.yaml # both\n');
    assert.deepEqual(filesOf(await read()), ['a.yaml', 'b.yaml']);
    assert.deepEqual(filesOf(await read({ COMPOSE_FILE: 'c.yaml' })), ['c.yaml']);
  });

  it('are looked for above, as Compose does', async () => {
    write('compose.yaml');
    const below = join(directory, 'below');
    mkdirSync(below);
    const project = await readProject(below, {}, () => false);
    assert.deepEqual(filesOf(project), ['compose.yaml']);
    assert.equal(project.directory, directory);
  });

  it('are not there: it is said', async () => {
    const refused = (error: unknown) => error instanceof TpError && error.code === 'TP_NO_PROJECT';
    await assert.rejects(
      readProject(directory, {}, () => true),
      refused,
    );
  });
});
