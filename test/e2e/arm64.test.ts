/** The network image for arm64, built on a machine of another kind: what is in it, and that its parts fit each other. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { extract } from 'tar-stream';
import { connectDocker, type DockerConnection } from '../../src/docker/connect.ts';
import { buildFor } from '../../src/docker/network-image.ts';
import { TpError } from '../../src/errors.ts';
import { type RemoteDocker, remoteDocker } from './harness/remote-docker.ts';

const run = promisify(execFile);
const KOFFI = 'opt/tp/node_modules/@koromix';

/** What the first bytes of an ELF file say (elf(5)): e_machine, or undefined for another file. */
const machineOf = (file: Buffer | undefined): number | undefined =>
  file?.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1')) ? file.readUInt16LE(18) : undefined;
const AARCH64 = 0xb7;

describe('the network image for arm64', () => {
  let remote: RemoteDocker;
  let connection: DockerConnection;
  let image: string;
  /** The files of the image, by name. */
  const files = new Map<string, Buffer>();
  const steps: string[] = [];

  const build = (architecture: string) =>
    buildFor({ ...connection, named: undefined, onStep: (line) => steps.push(line) }, architecture);

  before(async () => {
    remote = await remoteDocker();
    await remote.emulateArm64();
    connection = await connectDocker({ ...process.env, ...remote.tls });
    image = await build('arm64');
    const { docker } = connection;
    const container = await docker.createContainer({ Image: image });
    for (const path of ['/opt', '/usr/local/bin']) {
      const archive = extract();
      (await container.getArchive({ path })).pipe(archive);
      const above = path.slice(1).replace(/[^/]*$/, '');
      for await (const entry of archive) {
        const chunks: Buffer[] = [];
        for await (const chunk of entry) chunks.push(chunk as Buffer);
        files.set(above + entry.header.name, Buffer.concat(chunks));
      }
    }
    await container.remove();
  });
  after(() => remote[Symbol.asyncDispose]());

  test('is for arm64, as its base', async () => {
    for (const name of [image, 'node:24-slim']) {
      assert.equal((await connection.docker.getImage(name).inspect()).Architecture, 'arm64', name);
    }
  });

  test('has the agent, and native code for arm64 and nothing else', () => {
    for (const name of ['agent.cjs', 'bridge.cjs']) assert.ok(files.get(`opt/tp/${name}`)?.length, name);
    const names = [...files.keys()].filter((name) => name.startsWith(`${KOFFI}/`));
    const packages = new Set(names.map((name) => name.split('/')[4]).filter(Boolean));
    assert.deepEqual([...packages], ['koffi-linux-arm64']);
    for (const name of names.filter((each) => each.endsWith('.node'))) {
      assert.equal(machineOf(files.get(name)), AARCH64, name);
    }
    assert.equal(machineOf(files.get(`${KOFFI}/koffi-linux-arm64/linux_arm64/koffi.node`)), AARCH64);
    assert.equal(machineOf(files.get('usr/local/bin/node')), AARCH64);
  });

  test('has a Node that loads the native code', async () => {
    const script = `require('/opt/tp/node_modules/koffi').load('libc.so.6'); console.log(process.arch);`;
    const args = ['run', '--rm', '--platform', 'linux/arm64', image, 'node', '-e', script];
    const { stdout } = await run('docker', args, { env: { ...process.env, ...remote.tls } });
    assert.equal(stdout, 'arm64\n');
  });

  test('is not taken for one for amd64, and its base is not built upon for that', async () => {
    steps.length = 0;
    await assert.rejects(build('amd64'), (error) => {
      assert.ok(error instanceof TpError && error.code === 'TP_NETWORK_IMAGE', String(error));
      assert.match(error.message, /node:24-slim is here for arm64, and this Docker is amd64/);
      assert.equal(error.hint, 'docker pull --platform linux/amd64 node:24-slim');
      return true;
    });
    assert.deepEqual(steps, [], 'nothing was built');
    assert.equal(await build('arm64'), image, 'the other is still there');
  });
});
