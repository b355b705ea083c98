/** The host's network is the same before, during and after, but for what Docker makes for containers and for `-p`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostNetwork } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

test('the host is untouched', async () => {
  const before = await hostNetwork();
  await using tp = await Tp.session(['examplecom/servicename'], /Service servicename is switched/);
  assert.deepEqual(await hostNetwork(), before);
  await tp.end();
  assert.deepEqual(await hostNetwork(), before);
});

test('with -p, only what Docker makes for it is added', async () => {
  const before = await hostNetwork();
  await using tp = await Tp.session(
    ['-p', '18081:8080', 'examplecom/servicename'],
    /Service servicename is switched/,
  );
  assert.deepEqual(await hostNetwork(), before);
  const response = await fetch('http://127.0.0.1:18081/healthz');
  assert.equal(response.status, 200);
  await tp.end();
  assert.deepEqual(await hostNetwork(), before);
});
