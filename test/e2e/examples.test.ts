/** The examples as their READMEs tell it: the cluster is answered from the laptop, a line is edited, no request fails. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { callService, show } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { Load } from './harness/load.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const exec = promisify(execFile);
const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples');

/** Requests each second while it reloads. */
const RATE = 20;

/** How long the load meets the old code, and then the new (ms). */
const PHASE_MS = 1_500;

/** From saving a file to the answer of the new code, with a compiler and a start on two busy cores (ms). */
const RELOAD_LIMIT_MS = 20_000;

interface Example {
  directory: string;
  /** Workload, Service and image (examplecom/NAME) of the example. */
  name: string;
  /** The file with the greeting. */
  source: string;
  /** What makes a program of it, once it is edited. */
  build?: readonly string[];
  /** What `tp docker-run` is given in the example's directory, by the way it reloads. */
  run: Record<string, (directory: string) => string[]>;
  /** What `docker compose up` is given to reload. */
  composeFlags: readonly string[];
  /** Its own test puts it on the cluster, and takes it away. */
  deployed?: 'already';
}

const GUNICORN = ['gunicorn', '--bind', '0.0.0.0:8080', '--reload', 'server:app'];

const TABLE: readonly Example[] = [
  {
    directory: 'servicename',
    name: 'servicename',
    source: 'server.js',
    run: {
      'node --watch': (here) => [
        '-v',
        `${here}:/app`,
        'examplecom/servicename',
        'node',
        '--watch',
        'server.js',
      ],
    },
    composeFlags: [],
    deployed: 'already',
  },
  {
    directory: 'python',
    name: 'pyservice',
    source: 'server.py',
    run: {
      'gunicorn --reload': (here) => ['-v', `${here}:/app`, 'examplecom/pyservice', ...GUNICORN],
    },
    composeFlags: [],
  },
  {
    directory: 'go',
    name: 'goservice',
    source: 'main.go',
    build: ['go', 'build', '-o', 'bin/goservice', '.'],
    run: {
      '--watch': (here) => ['--watch', 'bin', '-v', `${here}/bin:/app`, 'examplecom/goservice'],
      '--build': () => ['--build', '.', '--watch', 'bin', 'examplecom/goservice'],
    },
    composeFlags: ['--build', '--watch'],
  },
];

for (const { directory, name, source, build, run, composeFlags, deployed } of TABLE) {
  describe(`examples/${directory}`, () => {
    const oldGreeting = `Hello from ${name}`;
    const newGreeting = 'Hello from my laptop';
    const example = join(EXAMPLES, directory);
    let here: string;
    let previous: unknown;

    const compile = async () => {
      const [program = '', ...args] = build ?? ['true'];
      await exec(program, args, { cwd: here, env: { ...process.env, CGO_ENABLED: '0' } });
    };
    const ask = async () =>
      JSON.parse(await callService(`http://${name}/`)) as { greeting: string; hostname: string };
    const answered = (greeting: string, limitMs?: number) =>
      // A pod's name begins with its Deployment's.
      eventually(
        ask,
        (answer) => answer.greeting === greeting && !answer.hostname.startsWith(`${name}-`),
        limitMs,
      );

    /** Edits the greeting under load; by the end the cluster has the new one, and no request has failed. */
    async function reload(): Promise<void> {
      const load = await Load.start(`http://${name}/`, RATE);
      await delay(PHASE_MS);
      const file = join(here, source);
      writeFileSync(file, readFileSync(file, 'utf8').replace(oldGreeting, newGreeting));
      await compile();
      await answered(newGreeting, RELOAD_LIMIT_MS);
      await delay(PHASE_MS);
      const { sent, failures } = await load.stop();
      assert.deepEqual(failures, []);
      assert.ok(sent >= (RATE * PHASE_MS) / 1000, `sent ${sent}`);
    }

    before(async () => {
      if (!deployed) await show(join(example, 'deploy'));
      previous = await snapshot();
    });
    after(async () => {
      if (!deployed) await show(join(example, 'undeploy'));
    });
    beforeEach(async () => {
      here = mkdtempSync(join(tmpdir(), 'tp-e2e-example-'));
      chmodSync(here, 0o755); // the image's user is not the host's
      cpSync(example, here, { recursive: true });
      await compile();
    });
    afterEach(async () => {
      // With tp's override the service has no network, and the project's would stay.
      await exec('docker', ['compose', '-f', 'compose.yaml', 'down', '--timeout', '0'], { cwd: here });
      rmSync(here, { recursive: true });
      assert.deepEqual(await snapshot(), previous, 'nothing is left behind');
    });

    for (const [way, args] of Object.entries(run)) {
      test(`tp docker-run with ${way}: an edit is answered, and no request fails`, async () => {
        await using tp = new Tp(['docker-run', ...args(here)], { cwd: here });
        await tp.says(new RegExp(`Service ${name} is switched`));
        await answered(oldGreeting);
        await reload();
      });
    }

    test('tp compose up: an edit is answered, and no request fails', async () => {
      await using tp = new Tp(['compose', 'up', '--', ...composeFlags], { cwd: here });
      await tp.says(new RegExp(`Service ${name} is switched`), 120_000);
      await answered(oldGreeting);
      await reload();
    });
  });
}
