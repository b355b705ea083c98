import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectDocker } from '../../src/docker/connect.ts';
import { findEndpoint } from '../../src/docker/endpoint.ts';
import { TpError } from '../../src/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'tp-endpoint-'));
const write = (path: string, content: string) => {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), content);
};
const idOf = (context: string) => createHash('sha256').update(context).digest('hex');
const code = (expected: string) => (error: unknown) => error instanceof TpError && error.code === expected;
const find = (env: NodeJS.ProcessEnv) => findEndpoint({ DOCKER_CONFIG: directory, ...env });

describe('the Docker daemon', () => {
  before(() => {
    write('config.json', JSON.stringify({ currentContext: 'desktop' }));
    const contexts = {
      desktop: { Host: 'unix:///run/desktop.sock' },
      remote: { Host: 'tcp://10.0.0.1:2376', SkipTLSVerify: false },
      careless: { Host: 'tcp://10.0.0.2:2376', SkipTLSVerify: true },
    };
    for (const [name, docker] of Object.entries(contexts))
      write(`contexts/meta/${idOf(name)}/meta.json`, JSON.stringify({ Name: name, Endpoints: { docker } }));
    for (const name of ['ca', 'cert', 'key'])
      write(`contexts/tls/${idOf('remote')}/docker/${name}.pem`, name);
    for (const name of ['ca', 'cert', 'key']) write(`certs/${name}.pem`, `mine ${name}`);
  });
  after(() => rmSync(directory, { recursive: true }));

  it('is the one of the current context', async () => {
    assert.deepEqual(await find({}), { host: 'unix:///run/desktop.sock', tls: undefined });
  });

  it('is that of DOCKER_CONTEXT, with its certificates', async () => {
    const { host, tls } = await find({ DOCKER_CONTEXT: 'remote' });
    assert.equal(host, 'tcp://10.0.0.1:2376');
    assert.deepEqual(
      [tls?.ca?.toString(), tls?.cert?.toString(), tls?.key?.toString()],
      ['ca', 'cert', 'key'],
    );
    assert.equal(tls?.verify, true);
  });

  it('need not be who it says where the context says so', async () => {
    assert.equal((await find({ DOCKER_CONTEXT: 'careless' })).tls?.verify, false);
  });

  it('is at the usual socket for the context "default"', async () => {
    assert.deepEqual(await find({ DOCKER_CONTEXT: 'default' }), { host: 'unix:///var/run/docker.sock' });
    assert.deepEqual(await findEndpoint({ DOCKER_CONFIG: join(directory, 'nowhere') }), {
      host: 'unix:///var/run/docker.sock',
    });
  });

  it('is that of DOCKER_HOST before any context, with the certificates of DOCKER_CERT_PATH', async () => {
    const DOCKER_HOST = 'tcp://10.0.0.3:2376';
    assert.deepEqual(await find({ DOCKER_HOST, DOCKER_CONTEXT: 'remote' }), {
      host: DOCKER_HOST,
      tls: undefined,
    });
    const DOCKER_CERT_PATH = join(directory, 'certs');
    const { tls } = await find({ DOCKER_HOST, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH });
    assert.deepEqual([tls?.key?.toString(), tls?.verify], ['mine key', true]);
    assert.equal((await find({ DOCKER_HOST, DOCKER_TLS: '1', DOCKER_CERT_PATH })).tls?.verify, false);
  });

  it('by TLS without the certificate of who signed is refused, as by Docker itself', async () => {
    const DOCKER_HOST = 'tcp://10.0.0.3:2376';
    const DOCKER_CERT_PATH = join(directory, 'nowhere');
    const without = find({ DOCKER_HOST, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH });
    await assert.rejects(without, code('TP_DOCKER_CONFIG'));
  });

  it('of a context that is not there is refused', async () => {
    await assert.rejects(find({ DOCKER_CONTEXT: 'nosuch' }), code('TP_DOCKER_CONTEXT'));
  });

  it('behind a broken configuration is refused, with the file', async () => {
    write('broken/config.json', '{');
    const broken = findEndpoint({ DOCKER_CONFIG: join(directory, 'broken') });
    await assert.rejects(broken, code('TP_DOCKER_CONFIG'));
  });

  for (const DOCKER_HOST of ['garbage', 'ftp://there', '10.0.0.1:2375']) {
    it(`at "${DOCKER_HOST}" is refused before anything is asked`, async () => {
      await assert.rejects(
        connectDocker({ DOCKER_HOST, PATH: process.env.PATH }),
        code('TP_DOCKER_ENDPOINT'),
      );
    });
  }
});
