/** The container in a Docker elsewhere, by every way that Docker's client knows: nothing of the host's is shared. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { callService } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { type RemoteDocker, remoteDocker } from './harness/remote-docker.ts';
import { dockerObjects, hostTraces, snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';
const PORT = 18097;

/** Configurations of Docker's client, a directory each. */
const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-remote-docker-'));
const configuration = (name: string) => join(directory, name);
let remote: RemoteDocker;

/** A socket of the host's that ssh forwards. */
const socket = join(directory, 'docker.sock');
let forwarding: ChildProcess | undefined;

/** Scenarios as data: the ways to the second Docker, as variables of tp's environment. */
const WAYS: { what: string; env: () => NodeJS.ProcessEnv; looksShared?: true }[] = [
  {
    what: 'a socket here that leads elsewhere, as of Docker Desktop',
    env: () => ({ DOCKER_HOST: `unix://${socket}` }),
    looksShared: true,
  },
  {
    what: 'the context that DOCKER_CONTEXT names',
    env: () => ({ DOCKER_CONFIG: configuration('named'), DOCKER_CONTEXT: 'second' }),
  },
  { what: 'the current context', env: () => ({ DOCKER_CONFIG: configuration('current') }) },
  { what: 'DOCKER_HOST by TLS', env: () => remote.tls },
  { what: 'DOCKER_HOST by ssh', env: () => remote.ssh },
];

const run = promisify(execFile);

/** Docker's client, on the second Docker. */
async function dockerThere(...args: string[]): Promise<string> {
  return (await run('docker', args, { env: { ...process.env, ...remote.tls } })).stdout.trim();
}

/** Runs `act`, and demands that host, cluster and both Dockers are then as they were. */
async function leavesNothing(act: () => Promise<void>): Promise<void> {
  const all = async () => ({ ...(await snapshot()), second: await dockerObjects(remote.tls) });
  const previous = await all();
  await act();
  // What the client keeps of ssh ends when it notices that tp has.
  await eventually(
    async () => (await hostTraces()).processes,
    (processes = []) => !processes.some((line) => line.includes('dial-stdio')),
  );
  assert.deepEqual(await all(), previous);
}

async function sessionBy(env: NodeJS.ProcessEnv): Promise<Tp> {
  const session = new Tp(['docker-run', IMAGE], { env });
  await session.says(/Service servicename is switched/);
  await session.says(/ready: context/);
  return session;
}

async function runBy(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Tp> {
  const command = new Tp(['docker-run', ...args], { env });
  assert.equal(await command.exited, 0, command.stderr);
  return command;
}

const whoAnswers = (pattern: RegExp) =>
  eventually(
    () => callService('http://servicename/'),
    (text) => pattern.test(text),
  );

describe('Docker elsewhere', () => {
  before(async () => {
    remote = await remoteDocker();
    await remote.load('node:24-slim', IMAGE);
    const built = await dockerThere('image', 'ls', '-q', 'tp-network');
    if (built) await dockerThere('image', 'rm', '-f', ...new Set(built.split('\n')));
    for (const name of ['named', 'current']) {
      const env = { ...process.env, DOCKER_CONFIG: configuration(name) };
      await run('docker', ['context', 'create', 'second', '--docker', remote.endpoint], { env });
    }
    const current = { ...process.env, DOCKER_CONFIG: configuration('current') };
    await run('docker', ['context', 'use', 'second'], { env: current });
    const ssh = ['-N', '-o', 'ExitOnForwardFailure=yes', '-L', `${socket}:/var/run/docker.sock`];
    forwarding = spawn('ssh', [...ssh, `root@${remote.address}`], {
      env: { ...process.env, ...remote.ssh },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const through = { ...process.env, DOCKER_HOST: `unix://${socket}` };
    await eventually(() => run('docker', ['version'], { env: through }).catch(() => undefined), Boolean);
  });
  after(async () => {
    forwarding?.kill();
    rmSync(directory, { recursive: true });
    await remote[Symbol.asyncDispose]();
  });

  test('builds the network image there on first use, also of two at once, and finds it from then on', async () => {
    await leavesNothing(async () => {
      const light = ['--no-inbound', IMAGE, 'node', '-e', '0'];
      const first = await Promise.all([runBy(remote.tls, ...light), runBy(remote.ssh, ...light)]);
      const said = first.map(({ stderr }) => stderr).join('');
      const image = /network container: building (tp-network:[0-9a-f]{12}) /.exec(said)?.[1];
      assert.ok(image, said);
      assert.match(said, /network container: Step \d/);
      const names = ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', 'tp-network'];
      assert.equal(await dockerThere(...names), image);
      assert.doesNotMatch((await runBy(remote.ssh, ...light)).stderr, /building|Step \d/);
    });
  });

  for (const { what, env, looksShared = false } of WAYS) {
    test(`by ${what}: the whole job, and Ctrl-C`, async () => {
      await leavesNothing(async () => {
        await using session = await sessionBy(env());
        const id = session.session;
        const answer = JSON.parse(await whoAnswers(new RegExp(`"hostname":"tp-servicename-${id}-`)));
        assert.deepEqual([answer.thing1.name, answer.thing2.name], ['thing1', 'thing2']);
        assert.equal(answer.orders[0].item, 'a cup of tea');

        const ofSession = ['ps', '--filter', `label=tp/session=${id}`, '--format', '{{.Names}}'];
        assert.ok((await dockerThere(...ofSession)).split('\n').includes(`tp-${id}`));
        assert.equal((await run('docker', ofSession)).stdout, '', "the host's Docker has no part in it");
        assert.equal((await hostTraces()).files?.includes(`tp-${id}`), looksShared);
        // The pod's files are in volumes of that Docker's own; a directory would be this machine's.
        const mounts = await dockerThere('inspect', '-f', '{{range .Mounts}}{{.Type}} {{end}}', `tp-${id}`);
        assert.equal(mounts.trim(), 'volume volume', 'no directory is shared');

        assert.equal(await session.end('SIGINT'), 0, session.stderr);
        await whoAnswers(/"hostname":"servicename-/);
        assert.doesNotMatch(session.stderr, /Warning:/, 'nothing of Node in what it says');
      });
    });
  }

  for (const { what, env } of WAYS.slice(-2)) {
    test(`by ${what}: after kill -9 the next command clears up`, async () => {
      await leavesNothing(async () => {
        await using session = await sessionBy(env());
        session.child.kill('SIGKILL');
        await session.exited;
        const next = await runBy(env(), '--no-inbound', IMAGE, 'node', '-e', '0');
        assert.match(next.stderr, new RegExp(`clearing up after session ${session.session}`));
        await whoAnswers(/"hostname":"servicename-/);
      });
    });
  }

  test("-p publishes on that Docker's address, and not here", async () => {
    await leavesNothing(async () => {
      const args = ['docker-run', '--no-inbound', '-p', `${PORT}:8080`, IMAGE];
      await using session = new Tp(args, { env: remote.tls });
      await session.says(new RegExp(`published: .*:${PORT} -> 8080`));
      const get = async (host: string) => (await fetch(`http://${host}:${PORT}/healthz`)).status;
      await eventually(
        () => get(remote.address).catch(() => 0),
        (status) => status === 200,
      );
      await assert.rejects(get('127.0.0.1'), TypeError);
    });
  });
});
