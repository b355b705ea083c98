/** Two developers on one workload: the second is told who holds it, goes beside, or takes it over. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { callService, kubectl } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { Load } from './harness/load.ts';
import { otherMachine } from './harness/other-machine.ts';
import { clusterObjects, snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';
const SWITCHED = /Service servicename is switched/;
const RATE = 50;

/** How long the load meets each state of the Service (ms). */
const PHASE_MS = 4_000;

const holderOf = (service: string) =>
  kubectl('get', 'service', service, '-o', 'jsonpath={.spec.selector.tp/session}');

describe('a workload that somebody at another machine holds', () => {
  let first: Tp;
  let untouched: unknown;
  before(async () => {
    untouched = await snapshot();
    first = await otherMachine.session([IMAGE], SWITCHED);
    await first.says(/servicename-metrics is switched/);
  });
  after(async () => {
    await first.end();
    assert.deepEqual(await snapshot(), untouched);
  });

  test('is refused, with who holds it, before anything is changed', async () => {
    const objects = await clusterObjects();
    const { code, stderr } = await tp('docker-run', IMAGE);
    assert.equal(code, 125);
    const whose = `${first.session} of \\S+@${otherMachine.name}, since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d`;
    assert.match(stderr, new RegExp(`Service servicename is held by the session ${whose} \\[TP_HELD\\]`));
    assert.match(stderr, /\n {2}--evict .*\n {2}--no-inbound .*\n {2}tp leave \w+\n$/);
    assert.deepEqual(await clusterObjects(), objects);
  });

  test('can be gone beside, without inbound traffic', async () => {
    const { code, stdout, stderr } = await tp(
      'docker-run',
      '--no-inbound',
      IMAGE,
      'node',
      '-e',
      "fetch('http://servicename/who').then((r) => r.text()).then(console.log)",
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`"tp-servicename-${first.session}-`));
  });

  test('would be taken over, says --dry-run --evict, and from whom', async () => {
    const { code, stdout, stderr } = await tp('docker-run', '--dry-run', '--evict', IMAGE);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      new RegExp(`is taken from the session ${first.session} of \\S+@${otherMachine.name}`),
    );
    assert.equal(await holderOf('servicename'), first.session);
  });

  test('is taken over with --evict, and no request fails', async () => {
    const load = await Load.start('http://servicename/who', RATE);
    await delay(PHASE_MS);
    await using second = await Tp.session(['--evict', IMAGE], SWITCHED);
    assert.match(second.stderr, new RegExp(`is taken from the session ${first.session} of`));
    await second.says(/servicename-metrics is switched/);
    assert.equal(await holderOf('servicename'), second.session);
    assert.equal(await holderOf('servicename-metrics'), second.session);
    assert.equal(await first.exited, 125, first.stderr);
    const who = `\\S+ took Service \\S+ over, in session ${second.session}`;
    assert.match(first.stderr, new RegExp(`${who} \\[TP_EVICTED\\]`));
    await delay(PHASE_MS);
    assert.equal(await holderOf('servicename'), second.session, 'the end of the first changes nothing');
    const { failures, by } = await load.stop();
    assert.deepEqual(failures, []);
    const answers = (id: string) => Object.keys(by).some((host) => host.startsWith(`tp-servicename-${id}-`));
    assert.ok(answers(first.session) && answers(second.session), JSON.stringify(by));
    await second.end();
    assert.equal(await holderOf('servicename'), '');
  });
});

test('Services of a session that was killed elsewhere are taken over, too', async () => {
  const untouched = await snapshot();
  const first = await otherMachine.session([IMAGE], SWITCHED);
  first.child.kill('SIGKILL');
  await first.exited;
  {
    await using second = await Tp.session(['--evict', IMAGE], SWITCHED);
    await eventually(
      () => callService('http://servicename/who'),
      (text) => text.includes(`tp-servicename-${second.session}`),
    );
  }
  assert.equal(await holderOf('servicename'), '');
  const { code, stderr } = await tp('leave', first.session, '--yes');
  assert.equal(code, 0, stderr);
  assert.deepEqual(await snapshot(), untouched);
});
