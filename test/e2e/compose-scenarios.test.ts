/** Compose projects of the kinds that people have, each with services that act as pods. */
import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import type { Scenario } from './compose-scenarios/scenario.ts';
import { callService } from './harness/cluster.ts';
import { ComposeProject } from './harness/compose-project.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

/** Compose builds, creates and waits for healthy containers by then (ms). */
const UP_LIMIT_MS = 120_000;

/** A container that Compose has started answers by then (ms). */
const ANSWER_LIMIT_MS = 20_000;

const CLUSTER = /"name":"thing1"/;

describe('tp compose runs a project', async () => {
  for (const path of globSync(`${import.meta.dirname}/compose-scenarios/*/scenario.ts`).sort()) {
    const { default: scenario } = (await import(path)) as { default: Scenario };
    test(`with ${basename(dirname(path))}`, async () => {
      const before = await snapshot();
      {
        await using project = new ComposeProject(dirname(path), scenario.env);
        await generates(project, scenario);
        await runs(project, scenario);
      }
      assert.deepEqual(await snapshot(), before, 'nothing is left behind');
    });
  }
});

/** The override is written, and Compose takes what it makes of the project. Nothing is started. */
async function generates(project: ComposeProject, { args = [], written }: Scenario): Promise<void> {
  const { directory } = project;
  const tp = new Tp(['compose', 'generate', ...args], { cwd: directory, env: project.env });
  assert.equal(await tp.exited, 0, tp.stderr);
  assert.ok(existsSync(join(directory, written ?? 'docker-compose.override.yml')), tp.stderr);
  const files = /export COMPOSE_FILE=(\S+)/.exec(tp.stderr)?.[1];
  assert.equal(files === undefined, written === undefined, tp.stderr);
  if (files) project.take(files);
  assert.match(await project.compose('config'), /network_mode: container:tp-tp-e2e-/);
  assert.equal(await project.compose('ps', '--all', '--quiet'), '');
}

/** While it runs it is all as it says; afterwards the cluster's own pods answer again. */
async function runs(project: ComposeProject, scenario: Scenario): Promise<void> {
  const { pods, asks, thing1 = {}, args = [], says = [], check } = scenario;
  const { directory, env } = project;
  await using tp = new Tp(['compose', 'up', ...args], { cwd: directory, env });
  for (const url of Object.values(pods)) {
    const { hostname } = new URL(url);
    await tp.says(new RegExp(`Service ${hostname} is switched`), UP_LIMIT_MS);
  }
  await Promise.all(
    Object.values(pods).map((url) =>
      eventually(
        () => callService(url),
        (answer) => !isOriginal(answer),
      ),
    ),
  );
  const all = [
    ...asks,
    ...Object.keys(pods).map((pod) => [pod, 'http://thing1/', thing1[pod] ?? CLUSTER] as const),
  ];
  await Promise.all(
    all.map(([service, url, answer]) =>
      eventually(
        () => project.ask(service, url).catch((error: Error) => `${service} asks ${url}: ${error.message}`),
        (text) => answer.test(text),
        ANSWER_LIMIT_MS,
      ),
    ),
  );
  for (const words of says) await tp.says(words);
  await check?.({
    directory,
    node: (service, script) => project.node(service, script),
    running: () => project.running(),
  });
  await tp.end('SIGINT');
  for (const url of Object.values(pods)) assert.ok(isOriginal(await callService(url)), url);
}

/** Whether a pod of the workload's own gave the answer: their names are those of the workloads. */
const isOriginal = (answer: string): boolean => /"hostname":"(servicename|queue|thing2)-/.test(answer);
