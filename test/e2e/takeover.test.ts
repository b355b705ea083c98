/** A steady load from inside the cluster sees no failed request, whatever the session does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { callService, kubectl } from './harness/cluster.ts';
import { Load } from './harness/load.ts';
import { tp as runTp, Tp } from './harness/tp.ts';

const SERVICE = 'http://servicename/who';
const RATE = 50;

/** How long the load meets each state of the Service (ms). */
const PHASE_MS = 6_000;

/** Whether an answer came from a laptop: its host is named after the proxy's pod. */
const fromLaptop = (by: Record<string, number>) =>
  Object.entries(by).reduce((sum, [host, count]) => (host.startsWith('tp-') ? sum + count : sum), 0);

test('takeover and restoration fail no request', async () => {
  const load = await Load.start(SERVICE, RATE);
  await delay(PHASE_MS / 3);
  await using session = await Tp.session(['examplecom/servicename'], /Service servicename is switched/);
  await delay(PHASE_MS);
  await session.end();
  await delay(PHASE_MS);
  const result = await load.stop();
  assert.deepEqual(result.failures, []);
  assert.ok(result.sent >= (RATE * PHASE_MS * 2) / 1000, `sent ${result.sent}`);
  const laptop = fromLaptop(result.by);
  assert.ok(laptop > 0 && laptop < result.sent, `the laptop answered ${laptop} of ${result.sent}`);
});

test('kill -9 of the CLI, and then the end of the proxy pod, fail no request', async () => {
  await using session = await Tp.session(['examplecom/servicename'], /Service servicename is switched/);
  const { session: id } = session;
  session.child.kill('SIGKILL');
  await session.exited;
  const killed = performance.now();
  assert.match(await callService(SERVICE, 10_000), /"servicename-/, 'the original pods answer');
  assert.ok(performance.now() - killed < 10_000);

  const load = await Load.start(SERVICE, RATE);
  await delay(PHASE_MS / 3);
  await kubectl('delete', 'pod', '-l', `tp/session=${id}`, '--wait=false');
  await delay(PHASE_MS * 3);
  const result = await load.stop();
  assert.deepEqual(result.failures, []);
  assert.equal(fromLaptop(result.by), 0);

  const { code, stderr } = await runTp('leave', '--all');
  assert.equal(code, 0, stderr);
  assert.match(stderr, new RegExp(`undone: ${id}`));
});
