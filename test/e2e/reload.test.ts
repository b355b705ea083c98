/** Code that changes while it runs: no request fails, and the cluster soon gets the new code's answer. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { callService } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { Load } from './harness/load.ts';
import { KINDS, type Kind, Project } from './harness/reloading.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const SERVICE = 'http://servicename/';
const RATE = 50;
const RELOADS = 20;

/** Nobody saves again sooner (ms) than this after having seen the last change; and `node --watch` misses some that do. */
const PACE_MS = 500;

const SWITCHED = /Service servicename is switched/;

describe('reload', () => {
  let previous: unknown;
  let project: Project;

  before(async () => {
    previous = await snapshot();
  });
  beforeEach(async () => {
    project = await Project.make();
  });
  afterEach(async () => {
    await project[Symbol.asyncDispose]();
  });
  after(async () => assert.deepEqual(await snapshot(), previous, 'nothing is left behind'));

  const session = (kind: Kind, ...more: string[]) =>
    Tp.session([...more, ...KINDS[kind](project.directory)], SWITCHED);
  const version = async () => (JSON.parse(await callService(SERVICE)) as { version: string }).version;
  const untilVersion = (wanted: string) => eventually(version, (found) => found === wanted, 10_000);

  for (const kind of Object.keys(KINDS) as Kind[]) {
    test(`${kind}: ${RELOADS} reloads under a steady load fail no request`, async () => {
      await using tp = await session(kind);
      await untilVersion('first');
      const load = await Load.start(SERVICE, RATE);
      for (let n = 1; n <= RELOADS; n++) {
        const saved = project.save(`version ${n}`);
        const first = await load.sees(`version ${n}`);
        assert.ok(first.startedAt > saved, 'a process of the new code answers');
        await delay(PACE_MS);
      }
      const { failures, by } = await load.stop();
      assert.deepEqual(failures, []);
      assert.deepEqual(
        Object.keys(by).filter((host) => !host.startsWith('tp-')),
        [],
      );
      assert.equal(await tp.end(), 0, tp.stderr);
    });
  }
});
