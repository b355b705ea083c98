import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { after, describe, it } from 'node:test';
import { extract } from 'tar-stream';
import { proxyArguments } from '../../src/docker/build-arguments.ts';
import { type BuildContext, buildContext } from '../../src/docker/build-context.ts';

const directory = mkdtempSync(join(tmpdir(), 'tp-context-'));
const write = (name: string, content: string) => {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), content);
};
after(() => rmSync(directory, { recursive: true }));

async function namesOf(context: BuildContext | undefined): Promise<string[]> {
  const names: string[] = [];
  const archive = extract();
  archive.on('entry', (header, content, next) => {
    names.push(header.name);
    content.resume();
    content.on('end', next);
  });
  if (context) await pipeline(context.tar(), archive);
  return names;
}

const NATIVE = 'node_modules/@koromix/koffi-linux';

describe('what the network image is built from', () => {
  write('Dockerfile', 'FROM node');
  write('agent.cjs', 'agent');
  write(`${NATIVE}-x64/linux_x64/koffi.node`, 'x64');
  write(`${NATIVE}-arm64/linux_arm64/koffi.node`, 'arm64');

  it('has the native parts of the daemon’s architecture only', async () => {
    const common = ['Dockerfile', 'agent.cjs'];
    assert.deepEqual(await namesOf(buildContext(directory, 'amd64')), [
      ...common,
      `${NATIVE}-x64/linux_x64/koffi.node`,
    ]);
    assert.deepEqual(await namesOf(buildContext(directory, 'arm64')), [
      ...common,
      `${NATIVE}-arm64/linux_arm64/koffi.node`,
    ]);
  });

  it('is nothing for an architecture that has no native part', () => {
    assert.equal(buildContext(directory, 's390x'), undefined);
  });

  it('has another hash when a content, a name or the architecture differs, and only then', () => {
    const hash = () => buildContext(directory, 'amd64')?.hash;
    const first = hash();
    assert.equal(hash(), first);
    assert.notEqual(buildContext(directory, 'arm64')?.hash, first);
    write('agent.cjs', 'agent 2');
    assert.notEqual(hash(), first);
    write('agent.cjs', 'agent');
    assert.equal(hash(), first);
  });
});

describe('the proxies that a build is told of', () => {
  const HOST = 'unix:///var/run/docker.sock';
  const env = { DOCKER_CONFIG: directory };

  it('are none where none is configured', () => assert.deepEqual(proxyArguments(HOST, env), {}));

  it('are the environment’s, in both spellings', () => {
    const found = proxyArguments(HOST, { ...env, https_proxy: 'http://p:1', NO_PROXY: '10.0.0.0/8' });
    assert.deepEqual(found, {
      HTTPS_PROXY: 'http://p:1',
      https_proxy: 'http://p:1',
      NO_PROXY: '10.0.0.0/8',
      no_proxy: '10.0.0.0/8',
    });
  });

  it('are those of Docker’s configuration, for this daemon or for all, beneath the environment’s', () => {
    write(
      'config.json',
      JSON.stringify({
        proxies: { default: { httpProxy: 'http://all:1' }, 'tcp://there': { httpProxy: 'http://there:1' } },
      }),
    );
    assert.equal(proxyArguments(HOST, env).HTTP_PROXY, 'http://all:1');
    assert.equal(proxyArguments('tcp://there', env).HTTP_PROXY, 'http://there:1');
    assert.equal(proxyArguments(HOST, { ...env, http_proxy: 'http://mine:1' }).HTTP_PROXY, 'http://mine:1');
  });
});
