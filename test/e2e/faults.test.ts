/** Some of the faults of `npm run test:faults`: those that take no longer than a moment. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { experiment } from '../faults/experiment.ts';
import { FAULTS } from '../faults/faults.ts';
import { complaints } from '../faults/report.ts';

const QUICK = ['cut-1', 'api-server', 'cli', 'agent', 'pod-deleted', 'selector', 'login-expired'];

describe('a session under load, when', () => {
  for (const fault of FAULTS.filter(({ id }) => QUICK.includes(id))) {
    test(fault.what, async () => {
      const outcome = await experiment(fault);
      assert.deepEqual(complaints(fault, outcome), [], outcome.said);
    });
  }
});
