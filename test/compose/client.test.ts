import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkCompose, compose } from '../../src/compose/client.ts';
import { TpError } from '../../src/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'tp-compose-'));
const { PATH } = process.env;
/** Stands for Docker's client, whose Compose does this. */
const does = (script: string) =>
  writeFileSync(join(directory, 'docker'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
const code = (expected: string, words: RegExp) => (error: unknown) =>
  error instanceof TpError && error.code === expected && words.test(`${error.message}\n${error.hint}`);

describe('Compose', () => {
  before(() => {
    process.env.PATH = `${directory}:${PATH}`;
  });
  after(() => {
    process.env.PATH = PATH;
    rmSync(directory, { recursive: true });
  });

  for (const version of ['2.28.1', 'v2.40.3', '2.40.3+tpcluster', '5.0.0-beta.1', '2.29.0']) {
    it(`${version} is new enough`, async () => {
      does(`echo ${version}`);
      await checkCompose();
    });
  }

  for (const version of ['2.28.0', '2.24.4', '1.29.2', '2.2.3', 'nonsense']) {
    it(`${version} is not`, async () => {
      does(`echo ${version}`);
      await assert.rejects(checkCompose(), code('TP_NO_COMPOSE', /older than 2\.28\.1\ninstall Compose/));
    });
  }

  it('is missing where Docker’s client does not know it', async () => {
    does('exit 1');
    await assert.rejects(checkCompose(), code('TP_NO_COMPOSE', /no Compose v2/));
  });

  it('is quoted where it refuses', async () => {
    does('echo "services.web must be a mapping" >&2; exit 15');
    await assert.rejects(compose(['config']), code('TP_COMPOSE', /config: services\.web must be a mapping/));
    const rm = ['-f', 'a.yaml', '-f', 'b.yaml', 'rm', '--stop', 'web'];
    await assert.rejects(compose(rm), code('TP_COMPOSE', /docker compose rm: services/));
  });
});
