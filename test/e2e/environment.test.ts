/** The pod's environment: what a flag changes of it, and how `tp env` writes it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { apply, kubectl, withInput } from './harness/cluster.ts';
import { docker, jsonFrom } from './harness/container.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';
import { OBJECTS, SERVER, SURROUNDINGS, WORKLOAD } from './parity/manifests.ts';

const NAME = 'tp-e2e-environment';
const IMAGE = 'examplecom/servicename:1.0';
const WORKLOAD_FLAGS = ['--workload', 'deployment/parity', '--no-inbound'];

/** The pod's own, and its container's, which no two have in common. */
const ONE_PODS_OWN = new Set(['HOSTNAME', 'POD_NAME', 'POD_IP']);

/** The image's own, which `tp env` does not print. */
const IMAGES_OWN = new Set(['PATH', 'HOME', 'NODE_VERSION', 'YARN_VERSION']);

const PRINT = 'console.log(JSON.stringify(process.env))';

type Environment = Record<string, string>;

const less = (environment: Environment, ...names: ReadonlySet<string>[]): Environment =>
  Object.fromEntries(
    Object.entries(environment)
      .filter(([name]) => !names.some((set) => set.has(name)))
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );

/** What a format's own reader makes of a file of it. */
const READERS: Record<string, (file: string) => Promise<string>> = {
  json: (file) => withInput('cat', [file], ''),
  dotenv: (file) => withInput('env', ['-i', process.execPath, `--env-file=${file}`, '-e', PRINT], ''),
  shell: (file) =>
    withInput(
      'env',
      ['-i', 'sh', '-c', '. "$1"; exec "$2" -e "$3"', 'sh', file, process.execPath, PRINT],
      '',
    ),
  docker: (file) => docker('run', '--rm', '--env-file', file, 'node:24-slim', 'node', '-e', PRINT),
};

/** Variables that are there although nobody gave them: of a shell, and of a container from this image. */
const READERS_OWN = new Set(['PWD', 'OLDPWD', '_', 'SHLVL', 'HOSTNAME', ...IMAGES_OWN]);

describe('the environment of the pod', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-environment-'));
  let session: Tp;
  let laptop: Environment;

  before(async () => {
    await apply(SURROUNDINGS);
    await apply(WORKLOAD);
    await kubectl('rollout', 'status', 'deploy/parity', '--timeout=60s');
    const flags = ['--name', NAME, '--workload', 'deployment/parity'];
    session = await Tp.session([...flags, IMAGE, 'node', '-e', SERVER], /Service parity is switched/);
    laptop = await jsonFrom<Environment>(NAME, PRINT);
  });
  after(async () => {
    await session?.end();
    for (const objects of OBJECTS) await kubectl('delete', ...objects, '--ignore-not-found');
    rmSync(directory, { recursive: true });
  });

  test('is without what is unset, and has what is set, in its place', async () => {
    const flags = ['--unset', 'NOTE', '--unset', 'NOSUCH', '-e', 'LINES=mine'];
    const line = ['docker-run', ...WORKLOAD_FLAGS, ...flags, IMAGE, 'node', '-e', PRINT];
    const { stdout, stderr } = await tp(...line);
    const { NOTE, LINES, POD_NAME, EXPANDED } = JSON.parse(stdout) as Environment;
    assert.deepEqual([NOTE, LINES], [undefined, 'mine']);
    assert.match(EXPANDED ?? '', /^probed in /, 'it was there where it is made');
    assert.match(POD_NAME ?? '', /^tp-parity-/);
    assert.match(stderr, /--unset NOSUCH: the pod has no such variable/);
  });

  test('is what tp env prints, of its session and of the workload', async () => {
    const before = await snapshot();
    const ofSession = await tp('env', '--format', 'json');
    assert.equal(ofSession.code, 0, ofSession.stderr);
    const seen = JSON.parse(ofSession.stdout) as Environment;
    for (const [name, value] of Object.entries(seen)) assert.equal(laptop[name], value, name);
    assert.equal(seen.LINES, 'one\ntwo');
    const ofWorkload = await tp('env', 'deployment/parity', '--format', 'json', '--unset', 'NOTE');
    assert.equal(ofWorkload.code, 0, ofWorkload.stderr);
    assert.equal(seen.NOTE, 'probed');
    const rest = less(seen, ONE_PODS_OWN, new Set(['NOTE']));
    assert.deepEqual(less(JSON.parse(ofWorkload.stdout) as Environment, ONE_PODS_OWN), rest);
    assert.deepEqual(await snapshot(), before, 'the pod for a moment is gone');
    const shown = [ofSession.stderr, ofWorkload.stderr].join('');
    assert.ok(!shown.includes('probed'), 'values go to stdout only');
    const none = await tp('env', 'nosuch');
    assert.match(none.stderr, /there is no session nosuch .*\[TP_NO_SESSION\]/);
  });

  for (const format of ['json', 'dotenv', 'shell']) {
    test(`is the same when it is read from tp env --format ${format}`, async () => {
      const { code, stdout, stderr } = await tp('env', '--format', format);
      assert.equal(code, 0, stderr);
      const file = join(directory, format);
      writeFileSync(file, stdout);
      const read = JSON.parse((await READERS[format]?.(file)) ?? '') as Environment;
      assert.equal(read.FROM_CONFIG_lines, 'one\n\ttwo\n');
      assert.equal(read.QUOTES, `it's "quoted"`);
      assert.equal(read.word, '$(NOTE) stays');
      assert.deepEqual(less(read, READERS_OWN), less(laptop, READERS_OWN));
    });
  }

  test('is the same when Docker reads it, but for lines, which are refused by name', async () => {
    const refused = await tp('env', '--format', 'docker');
    assert.deepEqual([refused.code, refused.stdout], [125, '']);
    assert.match(refused.stderr, /LINES.*\[TP_ENV_FORMAT\]/);
    const lines = Object.keys(laptop).filter((name) => laptop[name]?.includes('\n'));
    assert.deepEqual(lines.sort(), ['FROM_CONFIG_lines', 'LINES']);
    const without = lines.flatMap((name) => ['--unset', name]);
    const { code, stdout, stderr } = await tp('env', 'deployment/parity', '--format', 'docker', ...without);
    assert.equal(code, 0, stderr);
    const file = join(directory, 'docker');
    writeFileSync(file, stdout);
    const read = JSON.parse((await READERS.docker?.(file)) ?? '') as Environment;
    assert.equal(read.QUOTES, `it's "quoted"`);
    const own = [READERS_OWN, ONE_PODS_OWN, new Set(lines)] as const;
    assert.deepEqual(less(read, ...own), less(laptop, ...own));
  });
});
