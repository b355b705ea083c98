import assert from 'node:assert/strict';
import type { Scenario } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  env: { COMPOSE_PROFILES: 'dev' },
  asks: [
    ['web', 'http://cache/', /^from cache$/],
    ['cache', 'http://web:8080/who', /"hostname"/],
  ],
  async check({ running }) {
    assert.deepEqual(await running(), ['cache', 'web']);
  },
} satisfies Scenario;
