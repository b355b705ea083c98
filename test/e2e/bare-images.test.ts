/** Images with next to nothing in them: static, musl, without a shell, with a user that has no name. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { callService } from './harness/cluster.ts';
import { docker } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { buildGo, buildMusl } from './harness/programs.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const run = promisify(execFile);
const STATIC = 'tp-e2e/static';
const MUSL = 'tp-e2e/musl';

/** Makes an image of a directory, and nothing else. */
async function importImage(name: string, root: string, ...changes: string[]): Promise<void> {
  const tar = `${root}.tar`;
  await run('tar', ['-C', root, '-cf', tar, '.']);
  await docker('import', ...changes.flatMap((change) => ['-c', change]), tar, name);
}

describe('an image with next to nothing in it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-bare-'));
  before(async () => {
    const bare = join(directory, 'static');
    mkdirSync(bare);
    await buildGo('static.go', join(bare, 'service'));
    await importImage(STATIC, bare, 'ENTRYPOINT ["/service"]', 'USER 65532:65532');

    const musl = join(directory, 'musl');
    mkdirSync(join(musl, 'lib'), { recursive: true });
    await buildMusl('musl.c', join(musl, 'probe'));
    const [loader = ''] = readdirSync('/lib').filter((name) => name.startsWith('ld-musl-'));
    cpSync(realpathSync(join('/lib', loader)), join(musl, 'lib', loader));
    await importImage(MUSL, musl, 'CMD ["/probe"]');
  });
  after(async () => {
    await docker('image', 'rm', STATIC, MUSL);
    rmSync(directory, { recursive: true });
  });

  test('static, without a shell, and not root: it calls and is called', async () => {
    const before = await snapshot();
    await using session = await Tp.session(
      ['--workload', 'deployment/servicename', STATIC],
      /Service servicename is switched/,
    );
    await session.says(/uid 1000: .*thing1/); // the pod's user, not the image's
    await eventually(
      () => callService('http://servicename/'),
      (text) => text === 'from a static binary',
    );
    assert.equal(await session.end('SIGTERM'), 0, session.stderr);
    assert.deepEqual(await snapshot(), before);
  });

  test('musl, with its own resolver', async () => {
    const { code, stdout, stderr } = await tp('docker-run', '--workload', 'deployment/servicename', MUSL);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^musl: HTTP\/1\.[01] 200/);
  });

  test('with read-only files, without capabilities, and a user that no file names', async () => {
    const flags = [
      '--read-only',
      '--cap-drop',
      'ALL',
      '--security-opt',
      'no-new-privileges',
      '-u',
      '4711:4711',
    ];
    const line = ['docker-run', '--workload', 'deployment/servicename', ...flags, MUSL];
    const { code, stdout, stderr } = await tp(...line);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^musl: HTTP/);
  });
});
