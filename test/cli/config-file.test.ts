import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Command } from 'commander';
import { applySettings, readConfigFile } from '../../src/config-file.ts';
import { CONFIG_SCHEMA } from '../../src/config-schema.ts';
import { TpError } from '../../src/errors.ts';
import { DOCKER_RUN_FLAGS, type DockerRunFlags } from '../../src/flags.ts';

const directory = mkdtempSync(join(tmpdir(), 'tp-config-'));
const read = (text: string) => {
  writeFileSync(join(directory, 'tp.yaml'), text);
  return readConfigFile(directory);
};

/** What a command line becomes beside a file. */
async function flagsOf(text: string, ...line: string[]): Promise<{ own: DockerRunFlags; docker: string[] }> {
  const parser = new Command();
  for (const option of DOCKER_RUN_FLAGS) parser.addOption(option);
  parser.parse(line, { from: 'user' });
  const docker = applySettings(parser, await read(text));
  return { own: parser.opts(), docker };
}

after(() => rmSync(directory, { recursive: true }));

describe('tp.yaml', () => {
  it('need not be there, and may be empty', async () => {
    assert.deepEqual(await readConfigFile(join(directory, 'nowhere')), {});
    assert.deepEqual(await read(''), {});
    assert.deepEqual(await read('# nothing yet\n'), {});
  });

  it('gives what the command line does not', async () => {
    const { own } = await flagsOf('namespace: staging\nskip-init: true\ninbound: false\nport: ["3000:80"]');
    assert.deepEqual(
      [own.namespace, own.skipInit, own.inbound, own.port],
      ['staging', true, false, ['3000:80']],
    );
  });

  it('is held to what the flags take, value by value', async () => {
    const { own } = await flagsOf('local-cidr: [192.168.10.0/24]\nlocal-name: [Git.example.com.]');
    assert.deepEqual([own.localCidr, own.localName], [['192.168.10.0/24'], ['git.example.com']]);
    await assert.rejects(
      flagsOf('local-cidr: [10.0.0.0/8, 192.168.10.7/24]'),
      (error) =>
        error instanceof TpError &&
        /local-cidr: 192\.168\.10\.7\/24: It is within a range/.test(error.message),
    );
  });

  it('yields to the command line, list by list', async () => {
    const file = 'namespace: staging\nport: ["3000:80", "3001:81"]\nworkload: deployment/a';
    const { own } = await flagsOf(file, '-n', 'other', '--port', '9:9', '--no-workload');
    assert.deepEqual([own.namespace, own.port, own.workload], ['other', ['9:9'], false]);
  });

  it('may stand in for no workload, as --no-workload does', async () => {
    assert.equal((await flagsOf('workload: false')).own.workload, false);
  });

  it('has times as numbers of seconds', async () => {
    assert.equal((await flagsOf('wait-ready: 2.5')).own.waitReady, 2.5);
  });

  it("has words of docker run's command line", async () => {
    assert.deepEqual((await flagsOf('docker-flags: [-v, ".:/app"]')).docker, ['-v', '.:/app']);
  });

  it('has a key for every flag that is not of one run', () => {
    const keys = Object.keys(CONFIG_SCHEMA.properties);
    for (const key of [
      'namespace',
      'context',
      'workload',
      'inbound',
      'fallback',
      'local-cidr',
      'proxy-image',
    ])
      assert.ok(keys.includes(key), key);
    for (const key of ['dry-run', 'output']) assert.ok(!keys.includes(key), key);
  });

  const refused: [string, RegExp, RegExp][] = [
    ['a: 1\nnamspace: x', /line 1: there is no key "a"/, /: …/],
    ['context: a\nnamspace: x', /line 2: there is no key "namspace"/, /^namespace: …/],
    ['namespace: [a]', /line 1: namespace must be string/, /docs\/configuration\.md/],
    ['\n\nskip-init: "yes"', /line 3: skip-init must be boolean/, /docs/],
    ['wait-ready: -1', /line 1: wait-ready must be >= 0/, /docs/],
    ['wait-ready: 15s', /line 1: wait-ready must be number/, /docs/],
    ['port: 80', /port must be array/, /docs/],
    ['port: [80]', /port\.0 must be string/, /docs/],
    ['- a list', /must be object/, /docs/],
    ['namespace: a\nnamespace: b', /line 2: .*unique/, /docs/],
    ['key: [', /line \d: /, /docs/],
  ];
  for (const [text, message, hint] of refused) {
    it(`is refused: ${JSON.stringify(text)}`, async () => {
      await assert.rejects(read(text), (error: unknown) => {
        assert.ok(error instanceof TpError, String(error));
        assert.equal(error.code, 'TP_CONFIG_FILE');
        assert.match(error.message, message);
        assert.match(error.hint ?? '', hint);
        return true;
      });
    });
  }
});
