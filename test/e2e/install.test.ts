/** The package as npm makes it, installed by itself and used by somebody who is not root. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { callService, kubeconfig } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const USER = 'tp-e2e-user';
const IMAGE = 'examplecom/servicename';

/** The first Node of the PATH that is older than tp needs; fetched by npm where the machine has none. */
async function olderNode(directory: string): Promise<string> {
  const { stdout } = await run('sh', ['-c', 'which -a node']);
  for (const path of stdout.trim().split('\n')) {
    const { stdout: version } = await run(path, ['--version']);
    if (Number(/^v(\d+)/.exec(version)?.[1]) < 24) return path;
  }
  await run('npm', ['install', '--silent', '--no-audit', '--prefix', join(directory, 'older'), 'node@20']);
  return join(directory, 'older/node_modules/node/bin/node');
}

describe('the package', () => {
  // Not in /tmp of root's: everything in it is to be read by another user.
  const directory = mkdtempSync('/var/tmp/tp-e2e-install-');
  const installed = join(directory, 'node_modules/@tp-dev/tp');
  const home = join(directory, 'home');
  let files: string[];
  let identity: { uid: number; gid: number };

  before(async () => {
    chmodSync(directory, 0o755);
    const packed = await run('npm', ['pack', '--json', '--pack-destination', directory], { cwd: ROOT });
    const [result] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[\n'))) as [
      { filename: string; files: { path: string }[] },
    ];
    files = result.files.map(({ path }) => path);
    const tarball = join(directory, result.filename);
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--prefix', directory, tarball]);
    await run('useradd', ['--no-create-home', '--home-dir', home, '--groups', 'docker', USER]);
    const [uid = 0, gid = 0] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, USER])).stdout)),
    );
    identity = { uid, gid };
    mkdirSync(home);
    copyFileSync(kubeconfig, join(home, 'kubeconfig'));
    copyFileSync(process.execPath, join(directory, 'node'));
    for (const path of [home, join(home, 'kubeconfig')]) chownSync(path, uid, gid);
    chmodSync(join(home, 'kubeconfig'), 0o600);
  });
  after(async () => {
    await run('userdel', [USER]).catch(() => {}); // it may not have been made
    rmSync(directory, { recursive: true });
  });

  test('carries what both architectures need, the schema and the pages, and no source', () => {
    for (const path of [
      'dist/tp.mjs',
      'dist/proxy.mjs',
      'dist/network/Dockerfile',
      'dist/network/node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node',
      'dist/network/node_modules/@koromix/koffi-linux-arm64/linux_arm64/koffi.node',
      'docs/errors.md',
      'docs/rights.md',
      'docs/tp.schema.json',
      'docs/status.schema.json',
      'README.md',
      'LICENSE',
    ])
      assert.ok(files.includes(path), path);
    assert.deepEqual(
      files.filter((path) => /^(src|test|bench|images)\/.*\.ts$/.test(path)),
      [],
    );
  });

  test('needs no other package', async () => {
    const { stdout } = await run('ls', [
      '-A',
      join(directory, 'node_modules'),
      join(directory, 'node_modules/@tp-dev'),
    ]);
    assert.deepEqual(
      stdout.split('\n').filter((line) => /^[@\w]/.test(line)),
      ['@tp-dev', 'tp'],
    );
  });

  test('does the main job for a user who is not root, in another directory', async () => {
    const before = await snapshot();
    const { uid, gid } = identity;
    const env = {
      PATH: `${join(directory, 'node_modules/.bin')}:/usr/local/bin:/usr/bin:/bin`,
      HOME: home,
      KUBECONFIG: join(home, 'kubeconfig'),
    };
    const groups = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', 'env', '-i'];
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const program = [
      ...groups,
      ...variables,
      join(directory, 'node'),
      join(directory, 'node_modules/.bin/tp'),
    ];
    await using session = new Tp(['docker-run', IMAGE], { program, cwd: home });
    await session.says(/Service servicename is switched/);
    await session.says(/ready: context/);
    await eventually(
      () => callService('http://servicename/'),
      (text) => text.includes(`tp-servicename-${session.session}`),
    );
    await session.says(/answered here/);
    await session.end('SIGTERM');
    assert.deepEqual(await snapshot(), before);
  });

  test("does not end another user's session", async () => {
    await using session = await Tp.session([IMAGE]);
    const { uid, gid } = identity;
    const user = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', join(directory, 'node')];
    const program = [...user, join(directory, 'node_modules/.bin/tp')];
    const env = { HOME: home, KUBECONFIG: join(home, 'kubeconfig') };
    const leaving = new Tp(['leave', session.session], { program, cwd: home, env });
    assert.equal(await leaving.exited, 125);
    assert.match(
      leaving.stderr,
      /root runs it on this machine, as process \d+ \[TP_NOT_YOURS\]\n {2}ask root/,
    );
    assert.equal(session.child.exitCode, null, 'it goes on');
  });

  test('says in one line that it needs a newer Node', async () => {
    const node = await olderNode(directory);
    const failed = run(node, [join(installed, 'dist/tp.mjs'), 'docker-run', IMAGE]);
    await assert.rejects(failed, (error: { code: number; stdout: string; stderr: string }) => {
      assert.equal(error.code, 125);
      assert.equal(error.stdout, '');
      assert.match(error.stderr, /^tp: tp needs Node 24 or newer, this is v\d+\.\S+ \[TP_NODE\]\n {2}\S+\n$/);
      return true;
    });
  });
});
