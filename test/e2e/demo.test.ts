/** The demo is what a newcomer sees first: it tells the whole story, and ends with figures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withInput } from './harness/cluster.ts';

test('npm run demo tells the story to its end', async () => {
  const output = await withInput(process.execPath, ['examples/demo/demo.ts'], '');
  assert.match(output, /"Hello from servicename", says servicename-/);
  assert.match(output, /"Hello from servicename", says tp-servicename-.* 3 rows of the cloud database/);
  assert.match(output, /"Hello from my laptop", says tp-servicename-/);
  assert.match(output, /nothing is left behind/);
  assert.match(output, /\d+\.\d s {2}from Ctrl-C to everything restored/);
});
