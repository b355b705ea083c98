import assert from 'node:assert/strict';
import type { Scenario } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  asks: [
    ['web', 'http://cache/', /^from cache$/],
    ['worker', 'http://web:8080/who', /"hostname"/],
  ],
  async check({ running }) {
    assert.deepEqual(await running(), ['cache', 'optional', 'web', 'worker']);
  },
} satisfies Scenario;
