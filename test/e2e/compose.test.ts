/** Services of a Compose project as pods of the cluster. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { callService } from './harness/cluster.ts';
import { docker, inContainer } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const run = promisify(execFile);
const SECRET = 'only-the-cluster-knows';

/** The project of a team: its service, a cache that has to be healthy first, and one that waits for the service. */
const PROJECT = `
name: tp-e2e-shop
services:
  web:
    image: examplecom/servicename
    ports: ["127.0.0.1:18095:8080"]
    hostname: my-web
    extra_hosts: ["ledger.example:10.1.2.3"]
    environment: {OWN: "it costs $$5", STAGE: compose}
    env_file: [own.env]
    healthcheck: {test: [CMD, node, -e, "fetch('http://127.0.0.1:8080/who')"], interval: 1s, start_period: 20s}
    depends_on: {cache: {condition: service_healthy, restart: true}}
    networks: {front: {aliases: [shop]}, back: {}}
  cache:
    image: node:24-slim
    command: [node, -e, "require('http').createServer((q, r) => r.end('from the cache')).listen(80)"]
    healthcheck: {test: [CMD, node, -e, "fetch('http://127.0.0.1/')"], interval: 1s}
    stop_grace_period: 0s
    networks: [back]
  worker:
    image: node:24-slim
    command: [node, -e, "setInterval(() => {}, 1000)"]
    depends_on: {web: {condition: service_healthy}}
    stop_grace_period: 0s
    networks: [front]
networks: {front: {}, back: {}}
`;

describe('tp compose', () => {
  let directory: string;
  let previous: unknown;
  const compose = (...args: string[]) =>
    run('docker', ['compose', '-f', join(directory, 'compose.yaml'), ...args]);
  const idOf = async (service: string) =>
    (await docker('ps', '-q', '--filter', `label=com.docker.compose.service=${service}`)).trim();
  const fetching = (url: string) => `process.stdout.write(await (await fetch('${url}')).text());`;

  before(async () => {
    previous = await snapshot();
  });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tp-e2e-compose-'));
    writeFileSync(join(directory, 'compose.yaml'), PROJECT);
    writeFileSync(join(directory, 'own.env'), 'FROM_OWN_FILE=yes\nMOTD=mine\n');
  });
  afterEach(async () => {
    await compose('down', '--volumes', '--timeout', '0');
    rmSync(directory, { recursive: true });
  });
  after(async () => assert.deepEqual(await snapshot(), previous, 'nothing is left behind'));

  test('up: the cluster is answered by the service, which reaches siblings and cluster; Ctrl-C restores all', async () => {
    await using tp = new Tp(['compose', 'up'], { cwd: directory });
    await tp.says(/web acts as deployment\/servicename/);
    await tp.says(/Service servicename is switched/, 120_000);
    await eventually(
      () => callService('http://servicename/'),
      (text) => text.includes('"hostname":"my-web"'),
    );
    const id = await idOf('web');
    assert.equal(await inContainer(id, fetching('http://cache/')), 'from the cache');
    assert.match(await inContainer(id, fetching('http://thing1/')), /"name":"thing1"/);
    assert.match(await (await fetch('http://127.0.0.1:18095/who')).text(), /my-web/);
    const environment = await inContainer(id, 'console.log(JSON.stringify(process.env))');
    const { OWN, STAGE, FROM_OWN_FILE, MOTD, DATABASE_URL, POD_NAME } = JSON.parse(environment);
    assert.deepEqual([OWN, STAGE, FROM_OWN_FILE, MOTD], ['it costs $5', 'compose', 'yes', 'mine']);
    assert.ok(DATABASE_URL && POD_NAME, environment);
    assert.match(await docker('exec', id, 'cat', '/etc/hosts'), /10\.1\.2\.3\s+ledger\.example/);
    // The other way: by its name and its alias, when it is healthy.
    const worker = await eventually(
      () => idOf('worker'),
      (found) => found !== '',
      60_000,
    );
    for (const name of ['web', 'shop'])
      assert.match(await inContainer(worker, fetching(`http://${name}:8080/who`)), /my-web/);
    assert.equal(await searchFor(SECRET, directory), '');
    await tp.end('SIGINT');
    assert.match(await callService('http://servicename/'), /"hostname":"servicename-/);
    assert.equal(await docker('ps', '-aq', '--filter', 'label=com.docker.compose.service=web'), '');
  });

  test('generate: a file to read and commit, and nothing is started', async () => {
    const tp = new Tp(['compose', 'generate'], { cwd: directory });
    assert.equal(await tp.exited, 0, tp.stderr);
    const text = readFileSync(join(directory, 'docker-compose.override.yml'), 'utf8');
    assert.match(text, /^# Made by `tp compose generate`/);
    const { stdout } = await run('docker', ['compose', 'config', '--no-env-resolution'], { cwd: directory });
    assert.match(stdout, /network_mode: container:tp-tp-e2e-shop-web/);
    assert.doesNotMatch(stdout, /18095|my-web|ledger/);
    assert.equal(await docker('ps', '-aq', '--filter', 'label=com.docker.compose.project=tp-e2e-shop'), '');
  });

  test('an override of the team’s stays as it is', async () => {
    writeFileSync(join(directory, 'compose.override.yaml'), 'services: {web: {labels: [team]}}\n');
    const tp = new Tp(['compose', 'generate'], { cwd: directory });
    assert.equal(await tp.exited, 0, tp.stderr);
    assert.match(
      tp.stderr,
      /export COMPOSE_FILE=\S+compose\.yaml:\S+compose\.override\.yaml:\S+docker-compose\.tp\.yml/,
    );
    assert.deepEqual(readdirSync(directory).sort(), [
      'compose.override.yaml',
      'compose.yaml',
      'docker-compose.tp.yml',
      'own.env',
    ]);
  });

  interface Refused {
    args: string[];
    /** Files that are there beside the project's, or instead of them. */
    files?: Record<string, string>;
    /** What Docker's client has as its Compose: a script instead of it. */
    client?: string;
    says: RegExp;
  }
  const web = (more: string) => ({
    'compose.yaml': `services: {web: {image: examplecom/servicename, ${more}}}\n`,
  });
  const REFUSED: Record<string, Refused> = {
    'an unknown service': {
      args: ['nosuch'],
      says: /there is no service nosuch in this project \[TP_COMPOSE_SERVICE\]\n {2}tp compose up cache\n {2}tp compose up web/,
    },
    'two services for one workload': {
      args: ['web', 'cache=deployment/servicename'],
      says: /are both deployment\/servicename \[TP_COMPOSE_SERVICE\]\n {2}name one of them/,
    },
    'a workload that is not there': {
      args: ['web=deployment/nosuch'],
      says: /there is no deployment\/nosuch.*\[TP_NO_WORKLOAD\]/,
    },
    'a service that is scaled': {
      args: [],
      files: web('scale: 2'),
      says: /web: it is scaled, .*\[TP_COMPOSE_SERVICE\]\n {2}scale: 1 for web/,
    },
    'a service with replicas': {
      args: [],
      files: web('deploy: {replicas: 3}'),
      says: /web: it is scaled, .*\[TP_COMPOSE_SERVICE\]/,
    },
    'a service on the network of the host': {
      args: [],
      files: web('network_mode: host'),
      says: /web: network_mode: host: .*\[TP_COMPOSE_SERVICE\]\n {2}leave network_mode out/,
    },
    'a service that prefers nobody': {
      args: [],
      files: web('x-tp: {prefer: both}'),
      says: /web: x-tp: prefer is "both" \[TP_COMPOSE_SERVICE\]\n {2}x-tp: \{prefer: compose\}/,
    },
    '--scale of the service': {
      args: ['web', '--', '--scale', 'web=2'],
      says: /web: --scale web=2: .*\[TP_COMPOSE_SERVICE\]\n {2}leave --scale web=2 out/,
    },
    '-d, with which Compose returns at once': {
      args: ['--', '-d'],
      says: /-d: the sessions live as long as this command \[TP_DETACHED\]\n {2}leave -d out/,
    },
    'a file of the team’s where tp would write': {
      args: [],
      files: { 'compose.override.yaml': 'services: {}\n', 'docker-compose.tp.yml': 'services: {} # ours\n' },
      says: /docker-compose\.tp\.yml is there, and was not made by tp \[TP_COMPOSE_FILE\]\n {2}mv /,
    },
    'what Compose cannot read': {
      args: [],
      files: { 'compose.yaml': 'services: [web]\n' },
      says: /docker compose config: .*services must be a mapping.* \[TP_COMPOSE\]\n {2}docker compose config/,
    },
    'a Compose that is too old': {
      args: [],
      client: 'echo v2.20.3',
      says: /Compose v2\.20\.3 is older than \d\S+ \[TP_NO_COMPOSE\]\n {2}install Compose/,
    },
    'a client without Compose v2': {
      args: [],
      client: `echo "docker: 'compose' is not a docker command." >&2; exit 1`,
      says: /Docker's client has no Compose v2 \[TP_NO_COMPOSE\]\n {2}install Compose/,
    },
  };
  for (const [what, { args, files = {}, client, says }] of Object.entries(REFUSED)) {
    test(`${what} is refused, and nothing is changed`, async () => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
      const content = () =>
        readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]);
      const previously = content();
      const programs = mkdtempSync(join(tmpdir(), 'tp-e2e-programs-'));
      try {
        if (client) writeFileSync(join(programs, 'docker'), `#!/bin/sh\n${client}\n`, { mode: 0o755 });
        const env = { PATH: `${programs}:${process.env.PATH}` };
        const tp = new Tp(['compose', 'up', ...args], { cwd: directory, env });
        assert.equal(await tp.exited, 125);
        assert.match(tp.stderr, says);
        assert.equal(tp.stderr.split('\n').filter((line) => line.startsWith('tp: ')).length, 1, tp.stderr);
        assert.deepEqual(content(), previously);
      } finally {
        rmSync(programs, { recursive: true });
        writeFileSync(join(directory, 'compose.yaml'), PROJECT);
      }
    });
  }

  test('a directory without a project is told so', async () => {
    const empty = join(directory, 'empty');
    mkdirSync(empty);
    rmSync(join(directory, 'compose.yaml'));
    const tp = new Tp(['compose', 'up'], { cwd: empty });
    assert.equal(await tp.exited, 125);
    assert.match(tp.stderr, /there is no Compose file here \[TP_NO_PROJECT\]/);
    writeFileSync(join(directory, 'compose.yaml'), PROJECT);
  });
});

/** Files of a directory that contain a text; empty where none does. */
async function searchFor(text: string, directory: string): Promise<string> {
  const { stdout } = await run('grep', ['-rl', text, directory]).catch(
    (error: { code: number; stdout: string }) => {
      if (error.code === 1) return { stdout: '' };
      throw error;
    },
  );
  return stdout.trim();
}
